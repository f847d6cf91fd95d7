/** The vacation response of an account as it is kept (RFC 8621, section 8). */
import type { MailAccount } from '../store/mail-account.ts';

export const VACATION_ID = 'singleton';

export interface StoredVacation {
  readonly isEnabled: boolean;
  /** UTCDates. */
  readonly fromDate: string | null;
  readonly toDate: string | null;
  readonly subject: string | null;
  readonly textBody: string | null;
  readonly htmlBody: string | null;
}

const NONE: StoredVacation = Object.freeze({
  isEnabled: false,
  fromDate: null,
  toDate: null,
  subject: null,
  textBody: null,
  htmlBody: null,
});

export function readVacation(account: MailAccount): StoredVacation {
  return account.objects.get<StoredVacation>('VacationResponse', VACATION_ID) ?? NONE;
}

export function isActive({ isEnabled, fromDate, toDate }: StoredVacation, now: number): boolean {
  return (
    isEnabled && (fromDate === null || Date.parse(fromDate) <= now) && (toDate === null || now < Date.parse(toDate))
  );
}

/** Why something was not done, in the page's language: by the hub's codes, and in its own words where it has no text for one. */
import { MethodRefusal, Refusal, Unreachable } from '../jmap/refusal.ts';
import type { Messages } from './en.ts';

/** Codes of the hub's problems, types of JMAP's. */
const REASONS: Readonly<Record<string, keyof Messages['reasons']>> = {
  unauthenticated: 'login',
  forbidden: 'forbidden',
  accountReadOnly: 'readOnly',
  absent: 'gone',
  notFound: 'gone',
  accountNotFound: 'gone',
  too_large: 'tooLarge',
  tooLarge: 'tooLarge',
  requestTooLarge: 'tooLarge',
  overQuota: 'full',
  throttled: 'throttled',
  rateLimit: 'throttled',
  noRecipients: 'noRecipients',
  tooManyRecipients: 'tooManyRecipients',
  invalidRecipients: 'invalidRecipients',
  forbiddenFrom: 'sender',
  forbiddenMailFrom: 'sender',
  forbiddenToSend: 'mayNotSend',
  blobNotFound: 'fileGone',
  offline: 'offline',
  busy: 'later',
  closed: 'later',
  cut: 'later',
  failed: 'later',
  late: 'later',
  locked: 'later',
  moved: 'later',
  unavailable: 'later',
  serverFail: 'later',
  serverUnavailable: 'later',
};

export function reasonOf(error: unknown, { reasons }: Messages): string {
  if (error instanceof Unreachable) return reasons.unreachable;
  const code = error instanceof Refusal ? error.code : error instanceof MethodRefusal ? error.type : '';
  const reason = REASONS[code];
  if (reason !== undefined) return reasons[reason];
  return error instanceof Error ? error.message : String(error);
}

/** What a person waits for while none of their programs is connected: whoever runs their server wakes it for that. */
import type { StoredSubscription } from './push/push-subscription.ts';
import type { MailStore } from './store/mail-store.ts';
import { readVacation } from './submission/stored-vacation.ts';
import { unsentSubmissions } from './submission/submission-shelf.ts';

export interface Awaited {
  /** When something is to be done, milliseconds since 1970; in the past: it could not be done yet. Null: at no time. */
  readonly at: number | null;
  /** Somebody is to hear of new mail, or it is answered by itself. */
  readonly mail: boolean;
}

export function awaitedBy(store: MailStore, now: number): Awaited {
  const times: number[] = [];
  let mail = store.objects
    .list<StoredSubscription>('PushSubscription')
    .some(({ value }) => value.isVerified && value.expiresAt > now);
  for (const account of store.accounts()) {
    for (const { submission } of unsentSubmissions(account)) times.push(submission.sendAt);
    const { fromDate, isEnabled, toDate } = readVacation(account);
    if (!isEnabled || (toDate !== null && Date.parse(toDate) <= now)) continue;
    if (fromDate !== null && Date.parse(fromDate) > now) times.push(Date.parse(fromDate));
    else mail = true;
  }
  return { at: times.length === 0 ? null : Math.min(...times), mail };
}

/**
 * What becomes of a letter's recipients at one domain after an attempt: a pure function. What was answered with 2 is over,
 * with 5 too; all else waits, doubling, until it has waited for five days (RFC 5321, 4.5.4.1).
 */
import type { DeliveryReport } from '../../protocol/index.ts';
import { type Addressee, type Letter, type Party, type Reply, reportOf } from './letter.ts';
import {
  DELAY_TOLD_MS,
  EXPIRY_MS,
  REPLY_CHARACTERS_MAX,
  RETRY_FIRST_MS,
  RETRY_JITTER,
  RETRY_MAX_MS,
} from './limits.ts';

export type Attempt =
  /** A server, or the domain itself, has said something of each, by address. Whoever is not named waits. */
  | { readonly kind: 'answered'; readonly replies: ReadonlyMap<string, Reply> }
  /** Nobody could be asked, of none of them: the destination is away. */
  | { readonly kind: 'failed'; readonly reply: Reply };

export interface Judged {
  readonly letter: Letter;
  /** For its author, what is new. */
  readonly reports: readonly DeliveryReport[];
  /** Those of whom it is final now. */
  readonly finals: readonly { readonly status: 'delivered' | 'refused' }[];
}

/** The wait after the `nth` try; `jitter` is in [0, 1). */
export function retryWait(nth: number, jitter: number): number {
  // 2^20 is beyond the longest, and still a number.
  const whole = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 2 ** Math.min(20, Math.max(0, nth - 1)));
  return Math.ceil(whole * (1 - RETRY_JITTER * jitter));
}

export function isExpired({ acceptedAt }: { readonly acceptedAt: number }, now: number): boolean {
  return now - acceptedAt >= EXPIRY_MS;
}

export function isDelayed({ acceptedAt }: { readonly acceptedAt: number }, now: number): boolean {
  return now - acceptedAt >= DELAY_TOLD_MS;
}

export function judge(letter: Letter, domain: string, attempt: Attempt, now: number, jitter: number): Judged {
  const reports: DeliveryReport[] = [];
  const finals: { readonly status: 'delivered' | 'refused' }[] = [];
  const judgeOne = (before: Addressee): Addressee => {
    if (before.state !== 'waiting') return before;
    const after = judgeAddressee(letter, before, attempt, now);
    const isNew = after.state !== 'waiting' || after.isDelayTold !== before.isDelayTold;
    const report = isNew ? reportOf(letter, after) : undefined;
    if (report !== undefined) reports.push(report);
    if (after.state !== 'waiting') finals.push({ status: after.state });
    return after;
  };
  const judgeParty = (party: Party): Party => {
    const tries = party.tries + 1;
    return { ...party, tries, nextAt: now + retryWait(tries, jitter), people: party.people.map(judgeOne) };
  };
  const parties = letter.parties.map((party) => (party.domain === domain ? judgeParty(party) : party));
  return { letter: { ...letter, parties }, reports, finals };
}

function judgeAddressee(letter: Letter, before: Addressee, attempt: Attempt, now: number): Addressee {
  const said = attempt.kind === 'failed' ? attempt.reply : attempt.replies.get(before.address);
  const reply = said === undefined ? before.reply : onOneLine(said);
  if (reply !== undefined && reply.code >= 200 && reply.code < 300)
    return { ...before, state: 'delivered', reply, at: now };
  if (reply !== undefined && reply.code >= 500) return { ...before, state: 'refused', reply, at: now };
  if (isExpired(letter, now)) return { ...before, state: 'refused', reply: expired(reply), at: now };
  if (isDelayed(letter, now) && !before.isDelayTold) return { ...before, reply, at: now, isDelayTold: true };
  return { ...before, reply };
}

/** RFC 3463: delivery time expired. */
function expired(last: Reply | undefined): Reply {
  const why = last === undefined ? '' : `; the last answer was ${last.code} ${last.text}`;
  return onOneLine({ code: 550, text: `4.4.7 It could not be delivered for five days${why}` });
}

/** A stranger's text: without control characters and line breaks, and short. */
export function onOneLine({ code, text }: Reply): Reply {
  const line = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return { code, text: line.slice(0, REPLY_CHARACTERS_MAX) };
}

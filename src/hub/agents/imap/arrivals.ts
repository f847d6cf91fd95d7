/**
 * Whose message one is that turned up in a folder: of an email that has lost its place, of one that is on its way there, or
 * of nobody yet. All are known by the fingerprint of their header.
 */
import type { MailAccount } from '../../../jmap/index.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Places } from './places.ts';
import { goalsOf } from './plan.ts';
import type { PutMessage, Puts } from './puts.ts';

export interface ArrivalsDeps {
  readonly account: MailAccount;
  readonly places: Places;
  readonly puts: Puts;
}

export type Arrival =
  | { readonly kind: 'known'; readonly emailId: string }
  /** Made here, put into another mailbox, which was not heard of, and moved on by somebody. */
  | { readonly kind: 'moved'; readonly emailId: string; readonly from: string }
  /** Not to be there: put there by us a second time, or of an email that was destroyed here meanwhile. */
  | { readonly kind: 'surplus'; readonly emailId: string }
  | { readonly kind: 'new' };

export class Arrivals {
  readonly #deps: ArrivalsDeps;
  readonly #mailboxId: string;
  #onTheWay: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(deps: ArrivalsDeps, mailboxId: string) {
    this.#deps = deps;
    this.#mailboxId = mailboxId;
  }

  of(fingerprint: string, size: number): Arrival {
    const [lost] = this.#deps.places.lostWith(fingerprint);
    // Destroyed here while it was on its way from one folder to another.
    if (lost !== undefined && this.#deps.account.email(lost) === undefined) return { kind: 'surplus', emailId: lost };
    this.#onTheWay ??= this.#findOnTheWay();
    const emailId = lost ?? this.#onTheWay.get(fingerprint)?.find((id) => !this.#isHere(id));
    if (emailId !== undefined) return { kind: 'known', emailId };
    for (const put of this.#deps.puts.unheard()) {
      if (put.fingerprint !== fingerprint || put.size !== size) continue;
      if (this.#isNowhere(put.emailId)) return { kind: 'moved', emailId: put.emailId, from: put.mailboxId };
      if (this.#isSurplus(put)) return { kind: 'surplus', emailId: put.emailId };
    }
    return { kind: 'new' };
  }

  /** A copy, or a message made here, whose outcome was lost is one of them. */
  #findOnTheWay(): ReadonlyMap<string, readonly string[]> {
    const { account, places } = this.#deps;
    const found = new Map<string, string[]>();
    for (const { change, object } of account.pending(Number.MAX_SAFE_INTEGER)) {
      const isMade = change.kind === 'emailCreate' && goalsOf(account, object, change).includes(this.#mailboxId);
      const isCopied = change.kind === 'emailUpdate' && change.mailboxes.added.includes(this.#mailboxId);
      // A copy is made of what is at the server: without a place there is nothing yet that could have arrived.
      if (!isMade && !(isCopied && places.of(object).length > 0)) continue;
      const email = this.#isHere(object) ? undefined : account.email(object);
      if (email === undefined) continue;
      const fingerprint = fingerprintOf(account.headerBlock(email));
      found.set(fingerprint, [...(found.get(fingerprint) ?? []), object]);
    }
    return found;
  }

  #isHere(emailId: string): boolean {
    return this.#deps.places.of(emailId).some(({ mailboxId }) => mailboxId === this.#mailboxId);
  }

  #isNowhere(emailId: string): boolean {
    const { account, places } = this.#deps;
    return account.email(emailId) !== undefined && places.of(emailId).length === 0;
  }

  /** An email that is elsewhere keeps it: another program may have brought it back. */
  #isSurplus({ emailId, mailboxId }: PutMessage): boolean {
    if (mailboxId !== this.#mailboxId) return false;
    return this.#deps.account.email(emailId) === undefined || this.#isHere(emailId);
  }
}

/**
 * Which email is which message of the server. An email has a place for each mailbox that it is in; all of them stand in the
 * email's row, so they are as durable as it is, and the index by UID is made of them again at every start.
 *
 * The index also has the places of emails that were destroyed here and are still at the server: they are not to come back.
 */
import type { EmailRecord, MailAccount } from '../../../jmap/index.ts';
import { fingerprintOf } from './fingerprint.ts';
import { PLACED_MAX } from './limits.ts';

export interface Place {
  readonly mailboxId: string;
  readonly uidValidity: string;
  readonly uid: number;
}

/** Of an email: whoever has not read it to its end has only the size that the server told, which may be a guess. */
export type TextState = 'read' | 'unread' | 'refused';

/** How rows are marked whose email's text was not read. */
const MARKS: Readonly<Record<TextState, readonly string[]>> = { read: [], unread: ['?'], refused: ['!'] };

export function encodePlaces(places: readonly Place[], text: TextState): string {
  const spelled = places.map(({ mailboxId, uid, uidValidity }) => `${mailboxId}:${uidValidity}:${uid}`);
  return [...MARKS[text], ...spelled].join(' ');
}

export function decodePlaces(row: string | null): { readonly places: readonly Place[]; readonly text: TextState } {
  const words = (row ?? '').split(' ');
  const places = words.flatMap((word) => {
    const [mailboxId = '', uidValidity = '', uid = ''] = word.split(':');
    return uid === '' ? [] : [{ mailboxId, uidValidity, uid: Number(uid) }];
  });
  return { places, text: words[0] === '?' ? 'unread' : words[0] === '!' ? 'refused' : 'read' };
}

export class Places {
  readonly #account: MailAccount;
  readonly #byMailbox = new Map<string, Map<number, string>>();
  /** Emails that are nowhere at the server as far as is known, by the fingerprint of their header. */
  readonly #lost = new Map<string, Set<string>>();
  readonly #lostIds = new Map<string, string>();
  readonly #textless = new Set<string>();
  /** Emails that came from nowhere to a first place, as those made here, by the fingerprint of their header; the oldest first. */
  readonly #placed = new Map<string, string>();

  constructor(account: MailAccount) {
    this.#account = account;
    for (const id of account.emailIds()) {
      const { places, text } = decodePlaces(account.email(id)?.place ?? null);
      if (text === 'unread') this.#textless.add(id);
      for (const place of places) this.#put(place, id);
    }
    for (const { change, object } of account.pending(Number.MAX_SAFE_INTEGER))
      if (change.kind === 'emailDestroy')
        for (const place of decodePlaces(change.place).places) this.#put(place, object);
  }

  /**
   * Headers may be read late: what is lost is only known by them, so this waits for the whole store. What was made here and
   * never had a place is on its way to one, and not lost.
   */
  findLost(): void {
    const made = new Set<string>();
    for (const { change, object } of this.#account.pending(Number.MAX_SAFE_INTEGER))
      if (change.kind === 'emailCreate') made.add(object);
    for (const id of this.#account.emailIds()) if (!made.has(id) && this.of(id).length === 0) this.#lose(id);
  }

  of(emailId: string): readonly Place[] {
    return decodePlaces(this.#account.email(emailId)?.place ?? null).places;
  }

  /** Undefined when nothing is known of that message. The email may be destroyed here already. */
  emailAt(mailboxId: string, uid: number): string | undefined {
    return this.#byMailbox.get(mailboxId)?.get(uid);
  }

  uids(mailboxId: string): number[] {
    return [...(this.#byMailbox.get(mailboxId)?.keys() ?? [])];
  }

  count(mailboxId: string): number {
    return this.#byMailbox.get(mailboxId)?.size ?? 0;
  }

  add(emailId: string, place: Place): void {
    const email = this.#account.email(emailId);
    this.#put(place, emailId);
    if (email === undefined) return;
    const { places, text } = decodePlaces(email.place);
    const others = places.filter(({ mailboxId }) => mailboxId !== place.mailboxId);
    if (places.length === 0) this.#notePlaced(emailId, email);
    this.#find(emailId);
    this.#write(emailId, [...others, place], text);
  }

  /** A new email at a place of its own: its row has it already. */
  added(emailId: string, place: Place): void {
    this.#put(place, emailId);
    this.#textless.add(emailId);
  }

  /** Answers whose message that was. */
  remove(mailboxId: string, uid: number): string | undefined {
    const emailId = this.emailAt(mailboxId, uid);
    if (emailId === undefined) return undefined;
    this.#byMailbox.get(mailboxId)?.delete(uid);
    const email = this.#account.email(emailId);
    if (email === undefined) return undefined;
    const { places, text } = decodePlaces(email.place);
    const left = places.filter((place) => place.mailboxId !== mailboxId || place.uid !== uid);
    this.#write(emailId, left, text);
    if (left.length === 0) this.#lose(emailId);
    return emailId;
  }

  /** The folder is no more, or is not ours to know. */
  leave(mailboxId: string): void {
    for (const uid of this.uids(mailboxId)) this.remove(mailboxId, uid);
    this.#byMailbox.delete(mailboxId);
  }

  mailboxIds(): readonly string[] {
    return [...this.#byMailbox.keys()];
  }

  /** The email is gone from the store. */
  forget(emailId: string): void {
    this.#find(emailId);
    this.#textless.delete(emailId);
  }

  /** Emails without a place, each with its fingerprint. */
  lost(): [emailId: string, fingerprint: string][] {
    return [...this.#lostIds];
  }

  lostWith(fingerprint: string): string[] {
    return [...(this.#lost.get(fingerprint) ?? [])];
  }

  /** One of late: a server that shows messages in several folders shows it elsewhere too. */
  placedWith(fingerprint: string): string | undefined {
    return this.#placed.get(fingerprint);
  }

  get textless(): ReadonlySet<string> {
    return this.#textless;
  }

  textOf(emailId: string): TextState {
    return decodePlaces(this.#account.email(emailId)?.place ?? null).text;
  }

  /** Its text is in the index now, or never will be. */
  setText(emailId: string, text: Exclude<TextState, 'unread'>): void {
    this.#textless.delete(emailId);
    const email = this.#account.email(emailId);
    if (email !== undefined) this.#write(emailId, decodePlaces(email.place).places, text);
  }

  #write(emailId: string, places: readonly Place[], text: TextState): void {
    this.#account.updateEmail(emailId, { place: encodePlaces(places, text) }, 'agent');
  }

  #notePlaced(emailId: string, email: EmailRecord): void {
    this.#placed.set(fingerprintOf(this.#account.headerBlock(email)), emailId);
    const [oldest] = this.#placed.keys();
    if (this.#placed.size > PLACED_MAX && oldest !== undefined) this.#placed.delete(oldest);
  }

  #put({ mailboxId, uid }: Place, emailId: string): void {
    let uids = this.#byMailbox.get(mailboxId);
    if (uids === undefined) this.#byMailbox.set(mailboxId, (uids = new Map()));
    uids.set(uid, emailId);
  }

  #lose(emailId: string): void {
    const email = this.#account.email(emailId);
    if (email === undefined) return;
    const fingerprint = fingerprintOf(this.#account.headerBlock(email));
    this.#lostIds.set(emailId, fingerprint);
    const others = this.#lost.get(fingerprint);
    if (others === undefined) this.#lost.set(fingerprint, new Set([emailId]));
    else others.add(emailId);
  }

  #find(emailId: string): void {
    const fingerprint = this.#lostIds.get(emailId);
    if (fingerprint === undefined) return;
    this.#lostIds.delete(emailId);
    this.#lost.get(fingerprint)?.delete(emailId);
  }
}

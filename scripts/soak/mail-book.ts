/**
 * What was written, what of it a node acknowledged, and where it was seen. Says at once when something comes twice or that
 * nobody wrote, and at any time what is acknowledged and not yet everywhere.
 */
import type { Address, PduId } from '../../src/protocol/index.ts';
import type { Breaches } from './breaches.ts';

export interface Letter {
  readonly number: number;
  readonly author: Address;
  /** `failed`: the client said that it sent nothing; `refused`: a node said so. */
  status: 'writing' | 'queued' | 'acknowledged' | 'failed' | 'refused';
  id: PduId | undefined;
  acknowledgedAt: number | undefined;
  /** As its header says, once one of its author's devices has it. */
  recipients: readonly Address[] | undefined;
  /** SHA-256 of the large attachment, hexadecimal. */
  large: string | undefined;
  /** Homes that said that they do not take it. */
  readonly refusedBy: Set<string>;
  /** What each device has under this number. */
  readonly seen: Map<string, PduId>;
}

/** Everybody here exists, and no home changes its keys: who is told so was told something wrong. */
const NEVER_TRUE: ReadonlySet<string> = new Set(['unknown_recipient', 'unknown_home', 'standing_alarm', 'too_large']);

/** A place where a person's mail arrives: a device of their own, or their user server. */
export interface Place {
  readonly name: string;
  readonly address: Address;
}

export class MailBook {
  readonly letters = new Map<number, Letter>();
  /** Why nothing was sent, by code. */
  readonly failures = new Map<string, number>();
  readonly #places: Place[] = [];
  readonly #breaches: Breaches;
  /** Outcomes may be told before `send` has said which mail it is. */
  readonly #acknowledged = new Map<PduId, number>();
  readonly #byId = new Map<PduId, Letter>();
  readonly #open = new Set<Letter>();
  readonly counts = { acknowledged: 0, seen: 0 };
  #next = 1;

  constructor(breaches: Breaches) {
    this.#breaches = breaches;
  }

  addPlace(place: Place): void {
    this.#places.push(place);
  }

  begin(author: Address): Letter {
    const letter: Letter = {
      ...{ number: this.#next++, author, status: 'writing', id: undefined, acknowledgedAt: undefined },
      ...{ recipients: undefined, large: undefined, refusedBy: new Set<string>(), seen: new Map<string, PduId>() },
    };
    this.letters.set(letter.number, letter);
    return letter;
  }

  /** On its author's disk. */
  queued(letter: Letter, id: PduId): void {
    letter.id = id;
    this.#byId.set(id, letter);
    if (letter.status === 'writing') letter.status = 'queued';
    const at = this.#acknowledged.get(id);
    if (at !== undefined) this.#acknowledge(letter, at);
  }

  acknowledged(id: PduId): void {
    if (this.#acknowledged.has(id)) return;
    const at = performance.now();
    this.#acknowledged.set(id, at);
    const letter = this.#byId.get(id);
    if (letter !== undefined) this.#acknowledge(letter, at);
  }

  failed(letter: Letter, code: string, message: string): void {
    letter.status = code === 'refused' ? 'refused' : 'failed';
    this.failures.set(code, (this.failures.get(code) ?? 0) + 1);
    if (NEVER_TRUE.has(code)) this.#breaches.add(`mail ${letter.number} of ${letter.author}: ${code}: ${message}`);
  }

  refusedAbroad(id: PduId, home: string): void {
    const letter = this.#byId.get(id);
    letter?.refusedBy.add(home);
    if (letter !== undefined) this.#judge(letter);
  }

  /** It does not say which it is. */
  strange({ name }: Place, what: string): void {
    this.#breaches.add(`${name} has a mail that nobody wrote, or that it cannot read: ${what}`);
  }

  saw(place: Place, number: number, id: PduId): void {
    const letter = this.letters.get(number);
    if (letter === undefined) {
      this.strange(place, `${number}, ${id}`);
      return;
    }
    const { address, name } = place;
    if (letter.status === 'failed')
      this.#breaches.add(`${name} has mail ${letter.number}, of which ${letter.author} was told that it was not sent`);
    const before = letter.seen.get(name);
    if (before !== undefined && before !== id)
      this.#breaches.add(`${name} has mail ${letter.number} twice: ${before} and ${id}`);
    if (before === undefined) this.counts.seen += 1;
    letter.seen.set(name, id);
    if (letter.recipients !== undefined && !letter.recipients.includes(address))
      this.#breaches.add(`${name} has mail ${letter.number}, which is for ${letter.recipients.join(', ')}`);
    this.#judge(letter);
  }

  addressed(number: number, recipients: readonly Address[]): void {
    const letter = this.letters.get(number);
    if (letter === undefined) return;
    letter.recipients = recipients;
    this.#judge(letter);
  }

  /** Acknowledged before a moment, and not everywhere yet. */
  openBefore(at: number): readonly Letter[] {
    return [...this.#open].filter(({ acknowledgedAt }) => (acknowledgedAt ?? at) < at);
  }

  /** Where a letter has to be and is not. */
  missingAt(letter: Letter): readonly string[] {
    const readers = letter.recipients ?? [letter.author];
    return this.#places
      .filter(
        ({ address }) => readers.includes(address) && !letter.refusedBy.has(address.slice(address.indexOf('@') + 1)),
      )
      .filter(({ name }) => !letter.seen.has(name))
      .map(({ name }) => name);
  }

  #acknowledge(letter: Letter, at: number): void {
    if (letter.status === 'acknowledged') return;
    letter.status = 'acknowledged';
    letter.acknowledgedAt = at;
    this.counts.acknowledged += 1;
    this.#open.add(letter);
    this.#judge(letter);
  }

  #judge(letter: Letter): void {
    if (this.#open.has(letter) && letter.recipients !== undefined && this.missingAt(letter).length === 0)
      this.#open.delete(letter);
  }
}

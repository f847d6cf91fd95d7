/**
 * What has changed, as a stream for one listener (RFC 8620, section 7.1). Changes that come while the listener is busy are
 * joined, so that a slow one costs no memory and misses nothing: only the last state of each type matters.
 */
import { type DataType, isDataType } from '../protocol/data-types.ts';
import type { MailStore } from '../store/mail-store.ts';

/** New states by account and type. */
export type ChangedStates = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface StateChange {
  readonly '@type': 'StateChange';
  readonly changed: ChangedStates;
}

export interface ToldStates {
  readonly changed: ChangedStates;
  /** What somebody knows who was told this and everything before it; of types that are not told, as they are then. */
  readonly pushState: string;
}

export class StateFeed implements Disposable {
  readonly #store: MailStore;
  readonly #types: ReadonlySet<DataType> | undefined;
  readonly #subscription: Disposable;
  #pending: Record<string, Record<string, string>> = {};
  #wake: (() => void) | undefined;

  /** Of all types when `types` is undefined. */
  constructor(store: MailStore, types: ReadonlySet<DataType> | undefined) {
    this.#store = store;
    this.#types = types;
    this.#subscription = store.on('changed', ({ accountId, changed }) => this.#note(accountId, changed));
  }

  /** Also tells what is different from the states that a client says it knows. */
  catchUp(known: ChangedStates): void {
    for (const [accountId, states] of Object.entries(statesOf(this.#store))) {
      const news = Object.entries(states).filter(([type, state]) => known[accountId]?.[type] !== state);
      if (news.length > 0) this.#note(accountId, new Map(news as [DataType, string][]));
    }
  }

  /** The changes since the last call, as soon as there are some; undefined when `signal` is aborted. */
  async next(signal: AbortSignal): Promise<ChangedStates | undefined> {
    return (await this.#isSome(signal)) ? this.#take() : undefined;
  }

  /** The same, with the states of that moment: later ones may cover a change that is still to be told. */
  async nextWithState(signal: AbortSignal): Promise<ToldStates | undefined> {
    if (!(await this.#isSome(signal))) return undefined;
    return { changed: this.#take(), pushState: encodedStates(this.#store) };
  }

  #take(): ChangedStates {
    const changed = this.#pending;
    this.#pending = {};
    return changed;
  }

  /** Resolves when there are changes to tell; false when `signal` is aborted. */
  async #isSome(signal: AbortSignal): Promise<boolean> {
    while (Object.keys(this.#pending).length === 0) {
      if (signal.aborted) return false;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.#wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
    }
    return true;
  }

  [Symbol.dispose](): void {
    this.#subscription[Symbol.dispose]();
    this.#wake?.();
  }

  #note(accountId: string, changed: ReadonlyMap<DataType, string>): void {
    for (const [type, state] of changed) {
      if (this.#types !== undefined && !this.#types.has(type)) continue;
      const states = this.#pending[accountId] ?? {};
      states[type] = state;
      this.#pending[accountId] = states;
    }
    if (Object.keys(this.#pending).length > 0) this.#wake?.();
  }
}

const PUSHED: readonly DataType[] = [
  'Mailbox',
  'Thread',
  'Email',
  'EmailDelivery',
  'Identity',
  'EmailSubmission',
  'VacationResponse',
  'Quota',
];

/** Every state as it is now. */
export function statesOf(store: MailStore): ChangedStates {
  return Object.fromEntries(
    store
      .accounts()
      .map((account) => [account.id, Object.fromEntries(PUSHED.map((type) => [type, account.state(type)]))]),
  );
}

/** What is known after somebody who knew `known` was told `changed`. */
export function joinStates(known: ChangedStates, changed: ChangedStates): ChangedStates {
  const told = Object.entries(changed).map(([accountId, states]) => [accountId, { ...known[accountId], ...states }]);
  return { ...known, ...Object.fromEntries(told) };
}

/** Spelled once for each change, however many listen. */
const SPELLED = new WeakMap<MailStore, { text: string | undefined }>();

/** All states as they are now in one string: what an event's id says, and a client shows again when it comes back. */
function encodedStates(store: MailStore): string {
  let spelled = SPELLED.get(store);
  if (spelled === undefined) {
    const kept = { text: undefined as string | undefined };
    const forget = (): void => {
      kept.text = undefined;
    };
    store.on('changed', forget);
    store.on('accounts', forget);
    SPELLED.set(store, kept);
    spelled = kept;
  }
  return (spelled.text ??= Buffer.from(JSON.stringify(statesOf(store))).toString('base64url'));
}

/** Nothing known, if it is no such string. */
export function decodeStates(text: string): ChangedStates {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as ChangedStates) : {};
  } catch {
    return {}; // another server's, or garbage: everything is told
  }
}

/** Names of types that this server does not have are allowed, and never change. */
export function typesOf(names: readonly string[] | null): ReadonlySet<DataType> | undefined {
  return names === null ? undefined : new Set(names.filter(isDataType));
}

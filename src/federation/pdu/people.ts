/**
 * Accounts of other homes, by their signed chains: pinned when first seen, extended only by links, kept in the store. What
 * contradicts the pin is logged and not taken.
 */
import { abortable, type Clock, type CryptoSuite, createBoundedCache, fromUtf8, type Log } from '../../base/index.ts';
import {
  type AccountDocument,
  type Address,
  decodeDocuments,
  type HomeName,
  homeOf,
  judgeChain,
  ProtocolError,
  parseAccountDocument,
  parseAddress,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HomeDirectory } from '../ports.ts';
import { PEOPLE, personKey, personVersions } from '../row-keys.ts';
import {
  PEOPLE_CACHED_MAX,
  PEOPLE_FRESH_MS,
  PEOPLE_PAGE_MAX,
  PEOPLE_REFRESH_MS,
  PEOPLE_VERSIONS_MAX,
} from './limits.ts';

export interface PeopleDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly log: Log;
  readonly link: Pick<FederationLink, 'account'>;
  readonly directory: HomeDirectory;
  /** An account of this home has a version that was not seen before. */
  readonly onNew: (home: HomeName) => void;
}

export class People {
  readonly #deps: PeopleDeps;
  readonly #known = createBoundedCache<Address, AccountDocument>(PEOPLE_CACHED_MAX);
  readonly #askedAt = createBoundedCache<Address, number>(PEOPLE_CACHED_MAX);
  readonly #underWay = new Map<Address, Promise<AccountDocument | undefined>>();

  constructor(deps: PeopleDeps) {
    this.#deps = deps;
  }

  /** What is known, or else what the home says; undefined: it has no such account. Throws FederationError. */
  async find(address: Address, signal: AbortSignal): Promise<AccountDocument | undefined> {
    return (await this.#pinned(address)) ?? this.#ask(address, signal);
  }

  /**
   * What the home shows, asked for at or after the monotonic time `since`. A home that was asked shortly before that is not
   * asked again so soon, and nobody knows what it would show: throws FederationError `rate_limited`, and what asking throws.
   */
  async refresh(address: Address, since: number, signal: AbortSignal): Promise<AccountDocument | undefined> {
    const isAsked = (): boolean => (this.#askedAt.get(address) ?? Number.NEGATIVE_INFINITY) >= since;
    if (isAsked()) return this.#pinned(address);
    if (!this.#isFresh(address, PEOPLE_REFRESH_MS)) {
      const document = await this.#ask(address, signal);
      // A question that was under way may be older than that: what it brought is pinned, and no answer.
      if (isAsked()) return document;
    }
    throw new FederationError('rate_limited', `the home of ${address} was asked just now`, {
      retry: 'later',
      details: { verdict: 'home' },
    });
  }

  /**
   * The chain after version `after` for a person's client, asked for now unless it just was. A home that does not answer
   * is answered for by what was seen of it, unless the client has seen more: it was at another node of ours, perhaps.
   */
  async documents(address: Address, after: number, signal: AbortSignal): Promise<readonly Uint8Array[]> {
    const since = this.#deps.clock.monotonic();
    if (!this.#isFresh(address, PEOPLE_FRESH_MS)) {
      try {
        await this.#ask(address, signal);
      } catch (error) {
        if (!(error instanceof FederationError) || (await this.#pinned(address)) === undefined) throw error;
        this.#deps.log.info(
          { address, code: error.code },
          'the home of an account does not answer; its chain is as last seen',
        );
      }
    }
    if (after > ((await this.#pinned(address))?.version ?? 0)) await this.refresh(address, since, signal);
    const { to } = personVersions(address);
    const rows = await this.#deps.store.range({ from: personKey(address, after + 1), to, limit: PEOPLE_VERSIONS_MAX });
    return rows.map((row) => row.value);
  }

  /** The accounts of a home as they were pinned: what it shows of them next is believed as at first contact. */
  async forget(home: HomeName): Promise<void> {
    await Promise.allSettled(this.#underWay.values()); // whoever asked is told
    for (let { from, to } = PEOPLE; ; ) {
      const rows = await this.#deps.store.range({ from, to, limit: PEOPLE_PAGE_MAX });
      const theirs = rows.filter(({ key }) => homeOf(addressOf(key)) === home);
      if (theirs.length > 0)
        await this.#deps.store.transact((transaction) => {
          for (const { key } of theirs) transaction.delete(key);
        });
      const last = rows.at(-1);
      if (last === undefined || rows.length < PEOPLE_PAGE_MAX) break;
      from = Uint8Array.of(...last.key, 0);
    }
    this.#known.clear();
    this.#askedAt.clear();
  }

  /** Its home has something newer of it than we were shown: the next question goes there. */
  outdated(address: Address): void {
    this.#askedAt.delete(address);
  }

  #isFresh(address: Address, ms: number): boolean {
    const askedAt = this.#askedAt.get(address);
    return askedAt !== undefined && this.#deps.clock.monotonic() - askedAt < ms;
  }

  async #pinned(address: Address): Promise<AccountDocument | undefined> {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const [row] = await this.#deps.store.range({ ...personVersions(address), limit: 1, reverse: true });
    if (row === undefined) return undefined;
    const document = parseAccountDocument(this.#deps.suite, row.value);
    this.#known.set(address, document);
    return document;
  }

  #ask(address: Address, signal: AbortSignal): Promise<AccountDocument | undefined> {
    let asking = this.#underWay.get(address);
    if (asking === undefined) {
      // Shared by whoever asks meanwhile, so nobody's own hurry ends it; the link's deadline does.
      asking = this.#fetch(address, new AbortController().signal).finally(() => this.#underWay.delete(address));
      // Whoever asked may have stopped waiting.
      asking.catch(() => undefined);
      this.#underWay.set(address, asking);
    }
    return abortable(asking, signal);
  }

  async #fetch(address: Address, signal: AbortSignal): Promise<AccountDocument | undefined> {
    const { clock, directory, link, log, suite } = this.#deps;
    const begunAt = clock.monotonic();
    const pinned = await this.#pinned(address);
    const chain = await directory.chain(homeOf(address), signal);
    const documents: Uint8Array[] = [];
    while (documents.length < PEOPLE_VERSIONS_MAX) {
      const after = (pinned?.version ?? 1) - 1 + documents.length;
      const page = documentsIn(await link.account(address, after, signal));
      if (page.length === 0) break;
      documents.push(...page);
    }
    const known = pinned === undefined ? [] : [pinned];
    const verdict = judgeChain(suite, { address, known, documents, homeKeys: chain.map(({ key }) => key) });
    if (verdict.status === 'links') await this.#pin(address, verdict.chain, known.length);
    // Not before: what is pinned is taken for the answer then.
    this.#askedAt.set(address, begunAt);
    if (verdict.status === 'unknown') return undefined;
    if (verdict.status === 'refused') {
      log.warn({ address, code: verdict.code, why: verdict.why }, 'a home shows a wrong chain of an account');
      if (pinned === undefined)
        throw new FederationError('bad_answer', verdict.why, { details: { code: verdict.code } });
      return pinned;
    }
    return verdict.chain.at(-1);
  }

  async #pin(address: Address, chain: readonly AccountDocument[], knownCount: number): Promise<void> {
    const fresh = chain.slice(knownCount);
    if (fresh.length > 0) {
      await this.#deps.store.transact((transaction) => {
        for (const link of fresh) transaction.put(personKey(address, link.version), link.signed.bytes);
      });
      this.#deps.onNew(homeOf(address));
    }
    this.#known.set(address, chain.at(-1) as AccountDocument);
  }
}

/** `Dp address 0 version` */
function addressOf(key: Uint8Array): Address {
  return parseAddress(fromUtf8(key.subarray(2, -9)));
}

function documentsIn(bytes: Uint8Array): readonly Uint8Array[] {
  try {
    return decodeDocuments(bytes).documents;
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new FederationError('bad_answer', `the account’s chain cannot be read: ${cause.message}`, { cause });
  }
}

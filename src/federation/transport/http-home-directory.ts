/**
 * Other homes by name. A chain is fetched where its home publishes it, may only extend what is pinned in the store, and counts
 * for a day; while its home cannot be reached, for another. Who asks for a home that is being looked up waits for the same
 * answer. What was not found is not looked for again at once: failures are remembered, longer each time.
 */
import { abortable, createBoundedCache, invariant, type Log } from '../../base/index.ts';
import type { HomeDocument, HomeName } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import type { PinningDirectory } from '../ports.ts';
import { extendChain } from './chain-extension.ts';
import { HomeDocumentClient, type HomeDocumentClientDeps } from './home-document-client.ts';
import {
  FAILURE_CACHED_MS,
  FAILURE_CACHED_MS_MAX,
  HOME_FRESH_MS,
  HOME_STALE_MS,
  HOMES_CACHED_MAX,
  LOOKUPS_IN_FLIGHT_MAX,
  REFRESH_INTERVAL_MS,
} from './limits.ts';
import { PinnedChains } from './pinned-chains.ts';

export interface HttpHomeDirectoryDeps extends HomeDocumentClientDeps {
  readonly store: Store;
  readonly log: Log;
}

interface Failure {
  readonly error: FederationError;
  /** Monotonic. */
  readonly until: number;
  readonly cachedMs: number;
}

interface Known {
  readonly document: HomeDocument | undefined;
  /** Wall clock, as in the store. */
  readonly checkedAt: number;
  /** Monotonic time of the last attempt; undefined: none since we started. */
  readonly askedAt: number | undefined;
  readonly failure: Failure | undefined;
}

/** Who shows another history is not believed on the strength of the old one. */
const BREACHES: ReadonlySet<string> = new Set(['home_forked', 'home_rolled_back']);

export class HttpHomeDirectory implements PinningDirectory, AsyncDisposable {
  readonly #deps: HttpHomeDirectoryDeps;
  readonly #client: HomeDocumentClient;
  readonly #pinned: PinnedChains;
  readonly #known = createBoundedCache<HomeName, Known>(HOMES_CACHED_MAX);
  readonly #lookups = new Map<HomeName, Promise<Known>>();
  readonly #closing = new AbortController();

  constructor(deps: HttpHomeDirectoryDeps) {
    this.#deps = deps;
    this.#client = new HomeDocumentClient(deps);
    this.#pinned = new PinnedChains(deps.suite, deps.store);
  }

  async find(home: HomeName, signal: AbortSignal): Promise<HomeDocument> {
    signal.throwIfAborted();
    const known = this.#known.get(home);
    if (known !== undefined && !this.#isDue(known)) return this.#verdict(known);
    return this.#verdict(await abortable(this.#share(home, false), signal));
  }

  async refresh(home: HomeName, signal: AbortSignal): Promise<HomeDocument> {
    signal.throwIfAborted();
    const askedAt = this.#known.get(home)?.askedAt;
    const isSoon = askedAt !== undefined && this.#deps.clock.monotonic() - askedAt < REFRESH_INTERVAL_MS;
    if (isSoon) return await this.find(home, signal);
    return this.#verdict(await abortable(this.#share(home, true), signal));
  }

  async chain(home: HomeName, signal: AbortSignal, atLeast = 0): Promise<readonly HomeDocument[]> {
    await this.find(home, signal);
    const { documents } = await this.#pinned.load(home);
    if (documents.length >= atLeast) return documents;
    await this.#askNow(home, signal);
    return (await this.#pinned.load(home)).documents;
  }

  async forget(home: HomeName): Promise<void> {
    await this.#lookups.get(home);
    await this.#pinned.forget(home);
    this.#known.delete(home);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new DOMException('the directory is closed', 'AbortError'));
    await Promise.allSettled(this.#lookups.values());
  }

  /** Returns when it has answered a question that was begun after this one. */
  async #askNow(home: HomeName, signal: AbortSignal): Promise<void> {
    const since = this.#deps.clock.monotonic();
    const before = this.#known.get(home)?.askedAt;
    const isSoon = before !== undefined && since - before < REFRESH_INTERVAL_MS;
    const known = isSoon ? undefined : await abortable(this.#share(home, true), signal);
    if (known?.failure !== undefined) throw known.failure.error;
    if (known?.askedAt !== undefined && known.askedAt >= since) return;
    throw new FederationError('rate_limited', `${home} was asked just now`, {
      retry: 'later',
      details: { verdict: 'home' },
    });
  }

  #isDue({ document, checkedAt, failure }: Known): boolean {
    if (failure !== undefined) return this.#deps.clock.monotonic() >= failure.until;
    return document === undefined || !this.#isYounger(checkedAt, HOME_FRESH_MS);
  }

  #verdict({ document, checkedAt, failure }: Known): HomeDocument {
    if (failure === undefined) {
      invariant(document !== undefined, 'a home is known or failed');
      return document;
    }
    const stillCounts = !BREACHES.has(failure.error.code) && this.#isYounger(checkedAt, HOME_STALE_MS);
    if (document !== undefined && stillCounts) return document;
    throw failure.error;
  }

  /** A time ahead of our clock proves nothing, so it is not young. */
  #isYounger(time: number, ms: number): boolean {
    const age = this.#deps.clock.now() - time;
    return age >= -1 && age < ms;
  }

  #share(home: HomeName, mustAsk: boolean): Promise<Known> {
    const under = this.#lookups.get(home);
    if (under !== undefined) return under;
    if (this.#lookups.size >= LOOKUPS_IN_FLIGHT_MAX)
      return Promise.reject(
        new FederationError('unavailable', 'too many homes are being looked up', { retry: 'later' }),
      );
    const lookup = this.#lookUp(home, mustAsk).finally(() => this.#lookups.delete(home));
    this.#lookups.set(home, lookup);
    return lookup;
  }

  async #lookUp(home: HomeName, mustAsk: boolean): Promise<Known> {
    const { clock, log } = this.#deps;
    const { documents: pinned, checkedAt } = await this.#pinned.load(home);
    const before = this.#known.get(home);
    const askedAt = clock.monotonic();
    if (!mustAsk && before === undefined && pinned.length > 0 && this.#isYounger(checkedAt, HOME_FRESH_MS))
      return this.#keep(home, { document: pinned.at(-1), checkedAt, askedAt: undefined, failure: undefined });
    try {
      // The last version that we have comes again, so that we see whether it is still the same.
      const offered = await this.#client.fetch(
        home,
        Math.max(0, pinned.length - 1),
        pinned.at(-1),
        this.#closing.signal,
      );
      const added = extendChain(home, pinned, offered);
      const document = added.at(-1) ?? pinned.at(-1);
      if (document === undefined) throw new FederationError('bad_answer', `${home} publishes an empty chain`);
      const now = clock.now();
      await this.#pinned.extend(home, added, now);
      return this.#keep(home, { document, checkedAt: Math.floor(now), askedAt, failure: undefined });
    } catch (error) {
      if (!(error instanceof FederationError)) throw error;
      if (BREACHES.has(error.code)) log.error({ home, code: error.code, ...error.details }, error.message);
      else log.info({ home, code: error.code }, error.message);
      const last = before?.failure?.cachedMs;
      const cachedMs = last === undefined ? FAILURE_CACHED_MS : Math.min(2 * last, FAILURE_CACHED_MS_MAX);
      const failure = { error, until: clock.monotonic() + cachedMs, cachedMs };
      return this.#keep(home, { document: pinned.at(-1), checkedAt, askedAt, failure });
    }
  }

  #keep(home: HomeName, known: Known): Known {
    this.#known.set(home, known);
    return known;
  }
}

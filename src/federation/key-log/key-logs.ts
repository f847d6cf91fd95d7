/**
 * The key logs of other homes, as their homes show them to us: followed when our people ask for keys there, kept whole, and
 * shown to our people's clients, who judge them again by themselves. A log that contradicts what its key signed before is
 * logged loudly, and the contradiction is handed on with every page.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, type CryptoSuite, equalBytes, fromUtf8, type Log } from '../../base/index.ts';
import { type Followed, followKeyLog, KeyLogMirror } from '../../key-log/index.ts';
import {
  decodeKeyLogPage,
  type HomeName,
  type KeyLogPage,
  type KeyRoot,
  ProtocolError,
  parseHomeName,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import { FederationError } from '../federation-error.ts';
import type { FederationLink, HomeDirectory } from '../ports.ts';
import { FOLLOWED, followedKey, mirrorPrefix, mirrorsOf } from '../row-keys.ts';
import { KEY_LOG_FRESH_MS, KEY_LOG_HURRY_MS, KEY_LOGS_MAX, KEY_LOGS_OPEN_MAX } from './limits.ts';

export interface KeyLogsDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly log: Log;
  readonly directory: Pick<HomeDirectory, 'find' | 'refresh'>;
  readonly link: Pick<FederationLink, 'keyLog'>;
  /** A log has new versions of these accounts. */
  readonly onGrown: (home: HomeName, subjects: ReadonlySet<string>) => void;
}

export type KeyLogProblem = 'forked' | 'shorter' | 'refused';

export interface KeyLogStatus {
  readonly home: HomeName;
  readonly length: number;
  /** What its home did: signed two histories, shows less than it signed, or shows what is not right in itself. */
  readonly problem: KeyLogProblem | undefined;
}

interface Following {
  readonly mirror: KeyLogMirror;
  /** Monotonic; undefined: not since we started. */
  askedAt: number | undefined;
  /** Something newer than we hold was seen: what we hold is not enough. */
  isOutdated: boolean;
  problem: KeyLogProblem | undefined;
}

export class KeyLogs {
  readonly #deps: KeyLogsDeps;
  readonly #open = new LRUCache<HomeName, Following>({ max: KEY_LOGS_OPEN_MAX });
  readonly #underWay = new Map<HomeName, Promise<Following>>();

  constructor(deps: KeyLogsDeps) {
    this.#deps = deps;
  }

  /** The log from block `after` on, as new as a few minutes ago. Throws FederationError. */
  async page(home: HomeName, after: number, signal: AbortSignal): Promise<KeyLogPage> {
    const { mirror } = await this.#recent(home, signal);
    return mirror.readPage(after);
  }

  /** What the home shows next is another log, or the same from its beginning on: both are followed as at first contact. */
  async forget(home: HomeName): Promise<void> {
    await this.#underWay.get(home)?.catch(() => undefined); // whoever asked is told
    const { from, to } = mirrorsOf(home);
    await this.#deps.store.transact((rows) => {
      rows.delete(followedKey(home));
      rows.deleteRange(from, to);
    });
    this.#open.delete(home);
  }

  /** A version was seen that the log, as we hold it, may not name yet. */
  outdated(home: HomeName): void {
    const following = this.#open.get(home);
    if (following !== undefined) following.isOutdated = true;
  }

  /** A third home's word of a log that we follow; of others it says nothing to us. */
  async hear(origin: HomeName, { home: name, keyLog, root }: KeyRoot, signal: AbortSignal): Promise<void> {
    const home = homeNamed(name);
    if (home === undefined || root === undefined) return;
    let following = await this.#followed(home);
    if (following === undefined) return;
    if (!equalBytes(keyLog, following.mirror.publicKey)) {
      const { keyLog: current } = await this.#deps.directory.refresh(home, signal);
      following = await this.#openLog(home, current);
      if (!equalBytes(keyLog, current)) {
        // Anybody can say so: without the home's signature it proves nothing, and is for the operator to look at.
        this.#deps.log.warn(
          { home, origin },
          'another home knows another key log of this home than its document names',
        );
        return;
      }
    }
    const verdict = await following.mirror.hear(root);
    if (verdict === 'forked') this.#fork(following, origin);
    if (verdict === 'ahead' || verdict === 'unproven') await this.#catchUp(following, origin, signal);
  }

  /** The homes whose logs we follow. */
  async homes(): Promise<readonly HomeName[]> {
    const rows = await this.#deps.store.range({ ...FOLLOWED, limit: KEY_LOGS_MAX });
    return rows.map(({ key }) => parseHomeName(fromUtf8(key.subarray(2, -1))));
  }

  /** The newest root of a log that we follow; undefined: we follow none of that home, or it is empty. */
  async root(home: HomeName): Promise<KeyRoot | undefined> {
    const following = await this.#followed(home);
    const root = await following?.mirror.root();
    return following === undefined || root === undefined
      ? undefined
      : { home, keyLog: following.mirror.publicKey, root };
  }

  async status(): Promise<readonly KeyLogStatus[]> {
    const all: KeyLogStatus[] = [];
    for (const home of await this.homes()) {
      const following = await this.#followed(home);
      if (following === undefined) continue;
      const { mirror, problem } = following;
      const isForked = (await mirror.disputed()).length > 0;
      all.push({ home, length: mirror.length, problem: isForked ? 'forked' : problem });
    }
    return all;
  }

  async #recent(home: HomeName, signal: AbortSignal): Promise<Following> {
    const { directory, log } = this.#deps;
    const { keyLog } = await directory.find(home, signal);
    const following = await this.#openLog(home, keyLog);
    if (!following.isOutdated && this.#isWithin(following.askedAt, KEY_LOG_FRESH_MS)) return following;
    try {
      return await this.#follow(home, signal);
    } catch (error) {
      // What was seen of the log still stands while its home is away, unless it is known not to be enough.
      if (!(error instanceof FederationError) || following.isOutdated || following.mirror.length === 0) throw error;
      log.info({ home, code: error.code }, 'a home does not show its key log; it is as last seen');
      return following;
    }
  }

  #follow(home: HomeName, signal: AbortSignal): Promise<Following> {
    let following = this.#underWay.get(home);
    if (following === undefined) {
      following = this.#followNow(home, signal).finally(() => this.#underWay.delete(home));
      this.#underWay.set(home, following);
    }
    return following;
  }

  async #followNow(home: HomeName, signal: AbortSignal): Promise<Following> {
    const { clock, directory } = this.#deps;
    for (let keyLog = (await directory.find(home, signal)).keyLog; ; ) {
      const following = await this.#openLog(home, keyLog);
      const askedAt = clock.monotonic();
      // What is seen while we ask may be newer than what we are shown.
      following.isOutdated = false;
      let followed: Followed;
      try {
        followed = await followKeyLog(following.mirror, (after) => this.#ask(home, after, signal));
      } catch (error) {
        following.isOutdated = true;
        throw error;
      }
      if (followed.end.status === 'other_log') {
        const next = (await directory.refresh(home, signal)).keyLog;
        if (!equalBytes(next, keyLog)) {
          keyLog = next;
          continue;
        }
      }
      this.#settle(following, followed);
      following.askedAt = askedAt;
      return following;
    }
  }

  #settle(following: Following, { end, subjects }: Followed): void {
    const { mirror } = following;
    const { home, length } = mirror;
    following.problem = undefined;
    if (subjects.size > 0) this.#deps.onGrown(home, subjects);
    if (end.status === 'forked') this.#fork(following, home);
    if (end.status === 'forked' || end.status === 'same') return;
    following.problem = end.status === 'shorter' ? 'shorter' : 'refused';
    const why = end.status === 'refused' ? end.why : end.status;
    this.#deps.log.error({ home, length, why }, 'a home shows its key log otherwise than it signed it before');
  }

  #fork(following: Following, shownBy: HomeName): void {
    following.problem = 'forked';
    const { home, length } = following.mirror;
    this.#deps.log.error(
      { home, shownBy, length },
      'the key log of a home is forked: it shows different keys to different people',
    );
  }

  /** Somebody was shown more than we: the home shows it to us too, or is noted to hold it back. */
  async #catchUp(following: Following, origin: HomeName, signal: AbortSignal): Promise<void> {
    const { home } = following.mirror;
    if (this.#isWithin(following.askedAt, KEY_LOG_HURRY_MS)) {
      following.isOutdated = true;
      return;
    }
    const { mirror } = await this.#follow(home, signal);
    if ((await mirror.disputed()).length > 0) this.#fork(following, origin);
    const awaited = await mirror.awaited();
    if (awaited === undefined) return;
    this.#deps.log.warn(
      { home, origin, length: mirror.length, awaited: awaited.length },
      'a home shows another home a longer key log than us',
    );
  }

  async #ask(home: HomeName, after: number, signal: AbortSignal): Promise<KeyLogPage> {
    const bytes = await this.#deps.link.keyLog(home, after, signal);
    try {
      return decodeKeyLogPage(bytes);
    } catch (cause) {
      if (!(cause instanceof ProtocolError)) throw cause;
      throw new FederationError('bad_answer', `the key log of ${home} cannot be read: ${cause.message}`, { cause });
    }
  }

  /** The log that we follow of a home; undefined: none. */
  async #followed(home: HomeName): Promise<Following | undefined> {
    const open = this.#open.get(home);
    if (open !== undefined) return open;
    const publicKey = await this.#deps.store.get(followedKey(home));
    return publicKey === undefined ? undefined : this.#openLog(home, publicKey);
  }

  async #openLog(home: HomeName, publicKey: Uint8Array): Promise<Following> {
    const isIt = (following: Following | undefined): following is Following =>
      following !== undefined && equalBytes(following.mirror.publicKey, publicKey);
    const open = this.#open.get(home);
    if (isIt(open)) return open;
    const { store } = this.#deps;
    const mirror = await KeyLogMirror.open(this.#deps, { home, publicKey, prefix: mirrorPrefix(home, publicKey) });
    const key = await store.get(followedKey(home));
    if (key === undefined || !equalBytes(key, publicKey))
      await store.transact((transaction) => transaction.put(followedKey(home), publicKey));
    // Two who open at once must share one: a log has one end.
    const other = this.#open.get(home);
    if (isIt(other)) return other;
    const following: Following = { mirror, askedAt: undefined, isOutdated: false, problem: undefined };
    this.#open.set(home, following);
    return following;
  }

  #isWithin(at: number | undefined, ms: number): boolean {
    return at !== undefined && this.#deps.clock.monotonic() - at < ms;
  }
}

function homeNamed(name: string): HomeName | undefined {
  try {
    return parseHomeName(name);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

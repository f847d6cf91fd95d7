/**
 * The key logs of homes as this device follows them, through the own home's node, which can neither change nor shorten what
 * was seen before. A key counts when the log of its home names it; what contradicts is an alarm about the account, or, when
 * the log itself does not hold, about every account of that home.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, type CryptoSuite, equalBytes } from '../../base/index.ts';
import { type Followed, followKeyLog, KeyLogMirror, type LoggedVersion } from '../../key-log/index.ts';
import {
  type AccountDocument,
  type Address,
  DISPUTED_ROOTS_MAX,
  type HomeName,
  type HomeRefusal,
  homeOf,
  type KeyLogPage,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { AlarmCode } from '../alarm.ts';
import type { Alarms } from '../alarms.ts';
import type { NodeConnection } from '../connection/index.ts';
import { followedLogKey, keyLogPrefix } from '../keys.ts';
import { CONTACT_FRESH_MS, HOMES_CACHED_MAX } from '../limits.ts';
import type { HomePin } from './home-pin.ts';
import type { AskOptions, HomePins } from './home-pins.ts';

export interface KeyLogsDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly store: Store;
  readonly alarms: Pick<Alarms, 'raise' | 'clear' | 'stands'>;
  readonly homes: Pick<HomePins, 'isOwn' | 'askQuietly'>;
}

export type LogVerdict =
  | { readonly status: 'logged' }
  /** It is, and so is a newer one. */
  | { readonly status: 'behind'; readonly version: number }
  | { readonly status: 'alarm'; readonly code: AlarmCode }
  | { readonly status: HomeRefusal };

/** About a home: its log does not hold. */
const HOME_ALARMS: readonly AlarmCode[] = ['key_log_forked', 'key_log_shorter', 'bad_key_log'];
/** About an account: what its home's log says of it. */
const ACCOUNT_ALARMS: readonly AlarmCode[] = ['key_log_forked', 'key_not_logged'];
/** Over as soon as the log is shown as it was. A fork stays: its key signed two histories. */
const PASSING: readonly AlarmCode[] = ['key_log_shorter', 'bad_key_log'];

/** The rounds that a home needs which begins another log while we ask: the second one reads it. */
const LOGS_TRIED = 2;
const NO_PAGE: KeyLogPage = Object.freeze({ keyLog: new Uint8Array(0), blocks: [], disputed: [] });

export class KeyLogs {
  readonly #deps: KeyLogsDeps;
  readonly #mirrors = new LRUCache<HomeName, KeyLogMirror>({ max: HOMES_CACHED_MAX });
  readonly #followedAt = new LRUCache<HomeName, number>({ max: HOMES_CACHED_MAX });
  readonly #underWay = new Map<HomeName, Promise<'followed' | HomeRefusal>>();

  constructor(deps: KeyLogsDeps) {
    this.#deps = deps;
  }

  /** The alarm that forbids to encrypt to this account. */
  alarmOf(address: Address): AlarmCode | undefined {
    const { alarms } = this.#deps;
    return (alarms.stands(ACCOUNT_ALARMS, address) ?? alarms.stands(HOME_ALARMS, homeOf(address)))?.code;
  }

  /** Whether the newest version that is shown is what its home's log names. Throws ConnectionError. */
  async judge(
    connection: NodeConnection,
    pin: HomePin,
    document: AccountDocument,
    options: AskOptions,
  ): Promise<LogVerdict> {
    const { alarms } = this.#deps;
    const { address, version } = document;
    let versions = await this.versions(pin, address);
    if (!isNamed(versions, document) || !this.#isFresh(pin.home)) {
      const outcome = await this.follow(connection, pin, options);
      if (outcome !== 'followed' && !isNamed(versions, document)) return { status: outcome };
      versions = await this.versions(pin, address);
    }
    const standing = alarms.stands(HOME_ALARMS, pin.home);
    if (standing !== undefined) return { status: 'alarm', code: standing.code };
    const doubled = versions.find(({ documents }) => documents.length > 1);
    if (doubled !== undefined)
      return this.#alarm('key_log_forked', address, `its home logged two versions ${doubled.version}`, options);
    if (!isNamed(versions, document))
      return this.#alarm('key_not_logged', address, `its home shows a version ${version} that it did not log`, options);
    await alarms.clear(['key_not_logged'], address);
    const newest = versions.at(-1)?.version ?? version;
    return newest > version ? { status: 'behind', version: newest } : { status: 'logged' };
  }

  /** Whether the log, as it is known here, names the document. Asks nobody. */
  async isLogged(pin: HomePin, document: AccountDocument): Promise<boolean> {
    return isNamed(await this.versions(pin, document.address), document);
  }

  /** What the log names of an account, as it is known here. */
  async versions(pin: HomePin, address: Address): Promise<readonly LoggedVersion[]> {
    const mirror = await this.#mirrorOf(pin);
    return mirror === undefined ? [] : mirror.versions(address);
  }

  /** Reads the log to its end, as the own home's node shows it now. */
  follow(connection: NodeConnection, pin: HomePin, options: AskOptions): Promise<'followed' | HomeRefusal> {
    let following = this.#underWay.get(pin.home);
    if (following === undefined) {
      following = this.#followNow(connection, pin, options).finally(() => this.#underWay.delete(pin.home));
      this.#underWay.set(pin.home, following);
    }
    return following;
  }

  async #followNow(connection: NodeConnection, pin: HomePin, options: AskOptions): Promise<'followed' | HomeRefusal> {
    const { clock, homes } = this.#deps;
    const { home } = pin;
    for (let tries = 1; ; tries++) {
      const mirror = await this.#mirrorOf(pin, options.node);
      // The caller was shown an account of this home, so the home itself is pinned.
      if (mirror === undefined) return 'uncertain_home';
      const asked = await homes.askQuietly(home, () =>
        followKeyLog(mirror, (after) => this.#page(connection, home, after, options)),
      );
      if (asked.status !== 'answered') return asked.status;
      if (asked.answer.end.status === 'other_log' && tries < LOGS_TRIED) {
        const refreshed = await homes.askQuietly(home, () => pin.refresh(connection, options.node, options));
        if (refreshed.status !== 'answered') return refreshed.status;
        continue;
      }
      await this.#settle(mirror, asked.answer, options);
      this.#followedAt.set(home, clock.monotonic());
      return 'followed';
    }
  }

  /** Of another home, our node knows only what it was shown: that it shows less than we saw says nothing of that home. */
  async #settle(mirror: KeyLogMirror, { disputed, end }: Followed, options: AskOptions): Promise<void> {
    const { alarms, homes } = this.#deps;
    const { home, length } = mirror;
    for (const root of disputed.slice(0, DISPUTED_ROOTS_MAX)) await mirror.hear(root);
    const [fork] = await mirror.disputed();
    if (fork !== undefined)
      await this.#alarm('key_log_forked', home, `it signed two key logs that differ up to ${fork.length}`, options);
    if (end.status === 'shorter' && homes.isOwn(home)) {
      const shown = end.root?.length ?? 0;
      await this.#alarm('key_log_shorter', home, `its key log had ${length} records, it shows ${shown}`, options);
    } else if (end.status === 'refused') await this.#alarm('bad_key_log', home, end.why, options);
    else if (end.status === 'other_log')
      await this.#alarm('bad_key_log', home, 'it shows another key log than its document names', options);
    else if (end.status === 'same') await alarms.clear(PASSING, home);
  }

  async #page(connection: NodeConnection, home: HomeName, after: number, options: AskOptions): Promise<KeyLogPage> {
    const asked = this.#deps.homes.isOwn(home) ? '' : home;
    const { keyLog } = await connection.request(
      'keyLog',
      (request) => ({ oneofKind: 'getKeyLog', getKeyLog: { request, home: asked, after } }),
      options,
    );
    return keyLog.page ?? NO_PAGE;
  }

  /** The log that the home names now; undefined: nothing is known of the home. */
  async #mirrorOf(pin: HomePin, node?: string): Promise<KeyLogMirror | undefined> {
    const { home, document } = pin;
    if (document === undefined) return undefined;
    const { keyLog } = document;
    const known = this.#mirrors.get(home);
    if (known !== undefined && equalBytes(known.publicKey, keyLog)) return known;
    const mirror = await KeyLogMirror.open(this.#deps, { home, publicKey: keyLog, prefix: keyLogPrefix(home, keyLog) });
    await this.#note(home, keyLog, node);
    // Two who open at once must share one: a log has one end.
    const other = this.#mirrors.get(home);
    if (other !== undefined && equalBytes(other.publicKey, keyLog)) return other;
    this.#mirrors.set(home, mirror);
    return mirror;
  }

  /** A home that begins another log may have lost the one before, or wish to have it forgotten: its people are told. */
  async #note(home: HomeName, keyLog: Uint8Array, node: string | undefined): Promise<void> {
    const { alarms, store } = this.#deps;
    const before = await store.get(followedLogKey(home));
    if (before !== undefined && equalBytes(before, keyLog)) return;
    await store.transact((transaction) => transaction.put(followedLogKey(home), keyLog));
    if (before === undefined) return;
    await alarms.clear(PASSING, home);
    const detail = 'it begins another key log: it was restored from a backup, or wants the one before forgotten';
    await alarms.raise({ code: 'key_log_replaced', subject: home, detail, node });
  }

  async #alarm(code: AlarmCode, subject: string, detail: string, { node }: AskOptions): Promise<LogVerdict> {
    await this.#deps.alarms.raise({ code, subject, detail, node });
    return { status: 'alarm', code };
  }

  #isFresh(home: HomeName): boolean {
    const at = this.#followedAt.get(home);
    return at !== undefined && this.#deps.clock.monotonic() - at < CONTACT_FRESH_MS;
  }
}

function isNamed(versions: readonly LoggedVersion[], { signed, version }: AccountDocument): boolean {
  return versions.some((logged) => logged.version === version && logged.documents.includes(signed.hash));
}

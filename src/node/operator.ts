/** What the operator of a home may ask of it: on the command line, by the control socket, later on the operator's page. */
import { type Log, type SecureRandom, toHex, utf8 } from '../base/index.ts';
import type { DestinationStatus, KeyLogStatus, Messaging } from '../federation/index.ts';
import { type Address, type FeedId, parseAddress, parseHomeName } from '../protocol/index.ts';
import { type AccountBackupDeps, type CheckedBackup, restoreAccount, writeAccountBackup } from './account-backup.ts';
import type { Accounts } from './accounts.ts';
import { writeBackup } from './backup.ts';
import type { DataFolder } from './data-folder.ts';
import type { NodeFeeds } from './feeds.ts';
import type { Fleet, FleetStatus } from './fleet/index.ts';
import type { Letters, LettersStatus } from './letters.ts';
import { INVITES_MAX, type NodeLimits, RETENTION_DAYS_MAX } from './limits.ts';
import type { DoorStatus, Metrics } from './metrics.ts';
import { NodeError } from './node-error.ts';
import type { NodeStore } from './node-store.ts';
import { type RepairDeps, type RepairResult, repairEverything } from './repair.ts';
import type { Room } from './room.ts';
import type { Sessions } from './sessions.ts';
import { type CheckOptions, type CheckResult, checkEverything } from './view-check.ts';
import { INVITES, inviteKey } from './view-keys.ts';

export interface AccountSummary {
  readonly address: Address;
  readonly version: number;
  readonly devices: number;
  readonly entries: number;
  readonly bytes: number;
  readonly quotaBytes: number;
  readonly retentionDays: number;
  readonly banned: boolean;
  readonly closed: boolean;
}

export interface NodeStatus {
  readonly home: string;
  readonly node: string;
  readonly accounts: number;
  /** Blocks in all feeds. */
  readonly entries: number;
  /** Bytes on disk. */
  readonly bytes: number;
  readonly connections: number;
  /** Absent where there is no SMTP door. */
  readonly smtp?: DoorStatus;
  /** Ordinary mail on its way out; absent where none is sent. */
  readonly letters?: LettersStatus;
  /** Of the disk; absent where it is the database's. */
  readonly freeBytes?: number;
  /** Why it takes no mail now. */
  readonly problem?: string;
  readonly feeds: readonly { readonly feed: FeedId; readonly length: number; readonly retired: boolean }[];
}

/** What a mirror needs to know. */
export interface MirrorAccess {
  readonly mirror: string;
  readonly token: string;
  /** The feed's public key, in hexadecimal: who knows it reads what is copied. */
  readonly key: string;
}

export interface OperatorDeps {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly random: SecureRandom;
  readonly accounts: Accounts;
  readonly store: NodeStore;
  readonly folder: DataFolder;
  readonly letters: Pick<Letters, 'retry' | 'status'>;
  readonly sessions: Sessions;
  readonly check: RepairDeps;
  readonly feeds: Pick<NodeFeeds, 'all' | 'current' | 'isRetired'>;
  /** What an account's backup is made of. */
  readonly copies: AccountBackupDeps;
  /** undefined: no node runs. */
  readonly messaging: Messaging | undefined;
  readonly fleet: Fleet;
  readonly room: Room;
}

/** Everything the control socket offers; each method takes and returns JSON values. */
export interface Operator {
  invite(): Promise<string>;
  accounts(): Promise<readonly AccountSummary[]>;
  /** undefined: the home's default. */
  setQuota(address: string, bytes: number | undefined): Promise<AccountSummary>;
  setBanned(address: string, banned: boolean): Promise<AccountSummary>;
  /** At most so many days, whatever the receiver chose; undefined: as the receiver chose. */
  setRetention(address: string, days: number | undefined): Promise<AccountSummary>;
  remove(address: string): Promise<AccountSummary>;
  status(): Promise<NodeStatus>;
  /** A copy of the whole server, or of one account, into an empty folder, while it runs. Leaves out the feed's secret key. */
  backup(folder: string, account?: string): Promise<{ readonly folder: string; readonly bytes: number }>;
  /** Gives an account's backup back to this home. */
  restoreAccount(folder: string): Promise<CheckedBackup>;
  verify(options?: CheckOptions): Promise<CheckResult>;
  /** Mends what can be mended here and with the other nodes; says what was, and what is still wrong afterwards. */
  repair(options?: CheckOptions): Promise<RepairResult>;
  /** What waits for other homes, one or all. Throws NodeError `not_running` when no node runs, as the two below. */
  federationStatus(home: string | undefined): Promise<readonly DestinationStatus[]>;
  /** The key logs of other homes that this one follows, and which of them do not hold. */
  keyLogs(): Promise<readonly KeyLogStatus[]>;
  /** Tries to send now, whatever the back-off; ordinary mail too. */
  federationRetry(home: string | undefined): Promise<readonly DestinationStatus[]>;
  /** What another home showed of itself and its people is forgotten: what it shows next is believed. */
  federationForget(home: string): Promise<readonly DestinationStatus[]>;
  /** The nodes of the home, and how far their feeds are copied. */
  fleetStatus(): Promise<FleetStatus>;
  /** Lets one new node in, within the hour. */
  fleetToken(): Promise<string>;
  /** The home goes on without a node; this one goes on with what it had begun. */
  fleetRemove(node: string): Promise<FleetStatus>;
  /** Who else may copy what this node writes. */
  mirrors(): Promise<readonly string[]>;
  /** Lets a mirror copy it; what it authorizes itself by is shown this once. */
  addMirror(name: string): Promise<MirrorAccess>;
  removeMirror(name: string): Promise<readonly string[]>;
  /** Asks for what another home, or all we know, have for us. */
  federationPull(home: string | undefined): Promise<readonly DestinationStatus[]>;
}

export class NodeOperator implements Operator {
  readonly #deps: OperatorDeps;
  readonly #limits: NodeLimits;

  constructor(deps: OperatorDeps, limits: NodeLimits) {
    this.#deps = deps;
    this.#limits = limits;
  }

  async invite(): Promise<string> {
    if (!this.#deps.fleet.membership.isRegistrar)
      throw new NodeError('not_registrar', 'another node of this home takes new accounts', {
        fix: 'Make the invitation there; `restante fleet status` shows which it is.',
      });
    const code = inviteCode(this.#deps.random);
    await this.#deps.store.transact(async (transaction) => {
      const open = await transaction.range({ ...INVITES, limit: INVITES_MAX });
      if (open.length >= INVITES_MAX)
        throw new NodeError('bad_value', `${INVITES_MAX} invitations are open`, { fix: 'Use some of them first.' });
      transaction.put(inviteKey(code), utf8('1'));
    });
    return code;
  }

  async accounts(): Promise<readonly AccountSummary[]> {
    const summaries: AccountSummary[] = [];
    for await (const account of this.#deps.accounts.all()) summaries.push(await this.#summary(account.address));
    return summaries;
  }

  async setQuota(text: string, bytes: number | undefined): Promise<AccountSummary> {
    const address = await this.#existing(text);
    if (bytes !== undefined && !(Number.isSafeInteger(bytes) && bytes >= 0))
      throw new NodeError('bad_value', 'a quota is a whole number of bytes', {
        fix: 'Give a number like 5GB or 500MB.',
      });
    const { quotaBytes: _, ...settings } = this.#deps.accounts.settingsOf(address);
    await this.#deps.accounts.set(address, bytes === undefined ? settings : { ...settings, quotaBytes: bytes });
    return this.#summary(address);
  }

  async setBanned(text: string, banned: boolean): Promise<AccountSummary> {
    const address = await this.#existing(text);
    await this.#deps.accounts.set(address, { ...this.#deps.accounts.settingsOf(address), banned });
    if (banned) this.#deps.sessions.cut(address, () => false, 'banned', 'blocked by the operator of this home');
    return this.#summary(address);
  }

  async setRetention(text: string, days: number | undefined): Promise<AccountSummary> {
    const address = await this.#existing(text);
    if (days !== undefined && !(Number.isSafeInteger(days) && days >= 1 && days <= RETENTION_DAYS_MAX))
      throw new NodeError('bad_value', `retention is 1 to ${RETENTION_DAYS_MAX} days`, {
        fix: 'Leave the number out to keep mail as long as its receiver wants.',
      });
    const { retentionDays: _, ...settings } = this.#deps.accounts.settingsOf(address);
    await this.#deps.accounts.set(address, days === undefined ? settings : { ...settings, retentionDays: days });
    return this.#summary(address);
  }

  async remove(text: string): Promise<AccountSummary> {
    const address = await this.#existing(text);
    await this.#deps.accounts.remove(address);
    this.#deps.sessions.cut(address, () => false, 'banned', 'removed by the operator of this home');
    return this.#summary(address);
  }

  async status(): Promise<NodeStatus> {
    const { feeds, folder, letters, room, sessions, store } = this.#deps;
    let accounts = 0;
    for await (const account of this.#deps.accounts.all()) accounts += account.closed ? 0 : 1;
    const list = [...feeds.all].map(([feed, log]) => ({ feed, length: log.length, retired: feeds.isRetired(feed) }));
    return {
      home: folder.config.home,
      node: folder.config.node,
      accounts,
      entries: list.reduce((sum, feed) => sum + feed.length, 0),
      bytes: await store.sizeBytes(),
      connections: sessions.count,
      ...(this.#deps.metrics.door === undefined ? {} : { smtp: this.#deps.metrics.door() }),
      ...(letters.status === undefined ? {} : { letters: letters.status }),
      ...(room.space === undefined ? {} : { freeBytes: room.space.freeBytes }),
      ...(room.problem === undefined ? {} : { problem: room.problem }),
      feeds: list,
    };
  }

  async backup(folder: string, account?: string): Promise<{ readonly folder: string; readonly bytes: number }> {
    const { store } = this.#deps;
    if (account === undefined)
      return { folder, bytes: await writeBackup(this.#deps, this.#deps.folder, store, folder) };
    return { folder, bytes: await writeAccountBackup(this.#deps.copies, await this.#existing(account), folder) };
  }

  restoreAccount(folder: string): Promise<CheckedBackup> {
    return restoreAccount(this.#deps.copies, folder);
  }

  async verify(options: CheckOptions = {}): Promise<CheckResult> {
    if (options.account !== undefined) await this.#existing(options.account);
    return checkEverything(this.#deps.check, options);
  }

  async repair(options: CheckOptions = {}): Promise<RepairResult> {
    if (options.account !== undefined) await this.#existing(options.account);
    return repairEverything(this.#deps.check, options);
  }

  async federationStatus(home: string | undefined): Promise<readonly DestinationStatus[]> {
    const all = await this.#messaging.status();
    const name = home === undefined ? undefined : parseHomeName(home);
    return name === undefined ? all : all.filter((destination) => destination.home === name);
  }

  async keyLogs(): Promise<readonly KeyLogStatus[]> {
    return this.#messaging.keyLogs();
  }

  async federationRetry(home: string | undefined): Promise<readonly DestinationStatus[]> {
    this.#messaging.retry(home === undefined ? undefined : parseHomeName(home));
    this.#deps.letters.retry(home);
    return this.federationStatus(home);
  }

  async federationForget(text: string): Promise<readonly DestinationStatus[]> {
    const home = parseHomeName(text);
    if (home === this.#deps.folder.config.home)
      throw new NodeError('bad_value', `${home} is this home`, { fix: 'Name another home.' });
    await this.#messaging.forget(home);
    return this.federationStatus(home);
  }

  async federationPull(home: string | undefined): Promise<readonly DestinationStatus[]> {
    await this.#messaging.ask(home === undefined ? undefined : parseHomeName(home));
    return this.federationStatus(home);
  }

  async fleetStatus(): Promise<FleetStatus> {
    return this.#deps.fleet.status();
  }

  async fleetToken(): Promise<string> {
    return this.#deps.fleet.createToken();
  }

  async fleetRemove(node: string): Promise<FleetStatus> {
    await this.#deps.fleet.membership.remove(node);
    return this.#deps.fleet.status();
  }

  async mirrors(): Promise<readonly string[]> {
    return this.#deps.fleet.mirrors.names;
  }

  async addMirror(mirror: string): Promise<MirrorAccess> {
    const { feeds, fleet } = this.#deps;
    const token = await fleet.mirrors.add(mirror);
    return { mirror, token, key: toHex(feeds.current.publicKey) };
  }

  async removeMirror(name: string): Promise<readonly string[]> {
    await this.#deps.fleet.mirrors.remove(name);
    return this.mirrors();
  }

  get #messaging(): Messaging {
    const { messaging } = this.#deps;
    if (messaging !== undefined) return messaging;
    throw new NodeError('not_running', 'no node runs in this folder, so it speaks with no other home', {
      fix: 'Start it with `restante up`.',
    });
  }

  async #existing(text: string): Promise<Address> {
    const address = parseAddress(text);
    if ((await this.#deps.accounts.find(address)) === undefined)
      throw new NodeError('unknown_account', `${address} is not an account of this home`, {
        fix: 'See `restante account list`.',
      });
    return address;
  }

  async #summary(address: Address): Promise<AccountSummary> {
    const account = await this.#deps.accounts.find(address);
    const settings = this.#deps.accounts.settingsOf(address);
    const held = await this.#deps.accounts.heldBytes(this.#deps.store, address);
    return {
      address,
      version: account?.version ?? 0,
      devices: account?.devices.length ?? 0,
      entries: held.entries,
      bytes: held.bytes,
      quotaBytes: settings.quotaBytes ?? this.#limits.quotaBytes,
      retentionDays: account === undefined ? 0 : this.#deps.accounts.retentionOf(account),
      banned: settings.banned ?? false,
      closed: account?.closed ?? false,
    };
  }
}

/** 20 characters without look-alikes: 98 bits. */
const INVITE_ALPHABET = '23456789abcdefghjkmnpqrstuvwxyz';
const INVITE_CHARACTERS = 20;

function inviteCode(random: SecureRandom): string {
  let code = '';
  while (code.length < INVITE_CHARACTERS)
    for (const byte of random.bytes(INVITE_CHARACTERS)) {
      // Bytes beyond the last whole multiple would favour the first letters.
      if (byte >= 248 || code.length >= INVITE_CHARACTERS) continue;
      code += INVITE_ALPHABET[byte % INVITE_ALPHABET.length];
    }
  return code.replace(/(.{5})(?=.)/g, '$1-');
}

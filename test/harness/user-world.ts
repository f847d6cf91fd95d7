/** A person's user server in a client world: the real agent behind a message channel instead of a thread's port. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, type DeviceProfile, OUTBOX_SPANS, type Summary } from '../../src/client/index.ts';
import { KeptStore } from '../../src/hub/agents/mail/kept-store.ts';
import { MailAgent } from '../../src/hub/agents/mail/mail-agent.ts';
import type { StartedAgent } from '../../src/hub/agents/supervisor.ts';
import { SealedJournal } from '../../src/hub/user-server/journal/sealed-journal.ts';
import type { Reminder } from '../../src/hub/user-server/reminder-teller.ts';
import { UserServer } from '../../src/hub/user-server/user-server.ts';
import { type Caller, MemoryBlobStore, type Permission } from '../../src/jmap/index.ts';
import { MemoryStore, type Store } from '../../src/store/index.ts';
import { InThreadBodyWorker } from '../../src/vault/index.ts';
import { startInChannel } from './channel-agent.ts';
import { all, type ClientWorld, NODE_URL, never } from './client-world.ts';
import { TestDialer } from './jmap/test-account.ts';
import { letWorkGoOn, until } from './until.ts';

export const ACCOUNT = 'encrypted';
const COMPLETENESS_URN = 'https://restante.org/jmap/completeness';
export const MAIL_URN = 'urn:ietf:params:jmap:mail';
const BLOB_URN = 'urn:ietf:params:jmap:blob';
const SUBMISSION_URN = 'urn:ietf:params:jmap:submission';
const VACATION_URN = 'urn:ietf:params:jmap:vacationresponse';

/** Turns of half a second of the clock: more than any of this takes. */
const TURNS_MAX = 200;

type Arguments = Readonly<Record<string, unknown>>;

export class UserWorld implements AsyncDisposable {
  readonly world: ClientWorld;
  readonly profile: DeviceProfile;
  readonly blobs = new MemoryBlobStore();
  readonly folder: string;
  readonly #cache: 'disk' | 'memory';
  readonly #hubKey: Uint8Array;
  #agentStore: Store = new MemoryStore();
  #fence = 0;
  #journal: SealedJournal | undefined;
  #server: UserServer | undefined;
  #crash: ((reason: string) => void) | undefined;
  /** How often an agent was started. */
  starts = 0;
  readonly pushed = new TestDialer();
  /** What the control server was asked to wake this person for. */
  readonly reminders = new Map<Reminder['id'], Reminder>();

  private constructor(world: ClientWorld, profile: DeviceProfile, folder: string, cache: 'disk' | 'memory') {
    this.world = world;
    this.profile = profile;
    this.folder = folder;
    this.#cache = cache;
    this.#hubKey = world.random.bytes(32);
  }

  static async open(world: ClientWorld, profile: DeviceProfile, cache: 'disk' | 'memory' = 'disk'): Promise<UserWorld> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-user-'));
    const user = new UserWorld(world, profile, folder, cache);
    await user.start();
    return user;
  }

  get server(): UserServer {
    if (this.#server === undefined) throw new Error('the user server is not running');
    return this.#server;
  }

  async start(): Promise<void> {
    const { clock } = this.world.node;
    const { log, random } = this.world;
    this.#fence += 1;
    const fence = this.#fence;
    const checkFence = (): void => undefined;
    const onFailed = (error: Error): void => log.error({ err: error }, 'the journal failed');
    // A folder of its own, as in life: what it does not know there, it removes.
    const options = { folder: join(this.folder, 'journal'), hubKey: this.#hubKey, fence, cache: this.#cache };
    this.#journal = await SealedJournal.open({ random, log, checkFence, onFailed }, options);
    if (this.#cache === 'memory') {
      const path = join(this.folder, 'agent-outbox');
      this.#agentStore = await KeptStore.open(random, { path, hubKey: this.#hubKey, spans: OUTBOX_SPANS });
    }
    this.#server = await UserServer.open(
      {
        clock,
        random,
        log,
        journal: this.#journal,
        blobs: this.blobs,
        startMailAgent: () => this.#startAgent(),
        startImapAgent: noImap,
        pushServices: { dialer: this.pushed, contact: 'mailto:postmaster@home.example' },
        remind: async (reminder) => void this.reminders.set(reminder.id, reminder),
      },
      { address: this.profile.address, cache: this.#cache, agentTimeoutMs: 10_000 },
    );
  }

  /** As the end of the process: nothing is finished, and nothing more is written. */
  async kill(): Promise<void> {
    this.crashAgent('killed');
    const [server, journal] = [this.#server, this.#journal];
    this.#server = undefined;
    await server?.[Symbol.asyncDispose]().catch(() => undefined); // it ends without its journal
    await journal?.[Symbol.asyncDispose]();
  }

  /** The agent is gone from one moment to the next. */
  crashAgent(reason: string): void {
    this.#crash?.(reason);
  }

  /** Calls JMAP methods and returns their answers. */
  async call(...calls: readonly (readonly [name: string, args: Arguments])[]): Promise<Arguments[]> {
    const caller: Caller = {
      username: this.profile.address,
      credential: 'test',
      permissions: new Set<Permission>(['read', 'write', 'send']),
      baseUrl: '/jmap',
    };
    // Push subscriptions are the person's, not an account's.
    const whose = (name: string): object => (name.startsWith('PushSubscription/') ? {} : { accountId: ACCOUNT });
    const methodCalls = calls.map(([name, args], index) => [name, { ...whose(name), ...args }, `${index}`]);
    const request = {
      using: ['urn:ietf:params:jmap:core', BLOB_URN, MAIL_URN, SUBMISSION_URN, VACATION_URN, COMPLETENESS_URN],
      methodCalls,
    };
    const { methodResponses } = await this.server.jmap.request(request, caller, never);
    return methodResponses.map(([name, args]) => {
      if (name === 'error') throw new Error(`a method failed: ${JSON.stringify(args)}`);
      return args as Arguments;
    });
  }

  /** Emails newest first, with the properties that are asked for. */
  async emails(properties: readonly string[], filter?: object): Promise<Arguments[]> {
    const query = {
      ...(filter === undefined ? {} : { filter }),
      sort: [{ property: 'receivedAt', isAscending: false }],
    };
    const [, answer] = await this.call(
      ['Email/query', query],
      ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties }],
    );
    return answer?.list as Arguments[];
  }

  /** Lets the agent and the home go on until the emails are as wanted. */
  untilEmails(
    isDone: (emails: readonly Arguments[]) => boolean,
    properties: readonly string[],
    filter?: object,
  ): Promise<readonly Arguments[]> {
    return this.#until(() => this.emails(properties, filter), isDone);
  }

  /** The same for the answer of a method. */
  untilAnswer(
    call: readonly [name: string, args: Arguments],
    isDone: (answer: Arguments) => boolean,
  ): Promise<Arguments> {
    return this.#until(async () => (await this.call(call))[0] as Arguments, isDone);
  }

  /** The same for anything else that can be seen. */
  async untilHolds(holds: () => boolean): Promise<void> {
    await this.untilAnswer(['Core/echo', {}], holds);
  }

  /** Lets another device of the person hear of everything. */
  async untilHeard(client: Client, isDone: (messages: readonly Summary[]) => boolean): Promise<readonly Summary[]> {
    const look = async (): Promise<readonly Summary[]> => {
      await client.sync({ signal: never });
      return all(client.mail.list({ junk: true }));
    };
    return this.#until(look, isDone);
  }

  /** Moves the clock until `work` settles. */
  async whileTimePasses<Result>(work: Promise<Result>): Promise<Result> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    work.then(settle, settle);
    await until(() => {
      void this.world.node.clock.advance(500);
      return isSettled;
    });
    return work;
  }

  /** Lets everything that is pending be done at the home. */
  async untilSettled(): Promise<void> {
    await until(() => {
      void this.world.node.clock.advance(500);
      return this.server.status.pendingChanges === 0;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
    await this.#journal?.[Symbol.asyncDispose]();
    await rm(this.folder, { recursive: true });
  }

  async #until<Seen>(look: () => Promise<Seen>, isDone: (seen: Seen) => boolean): Promise<Seen> {
    let seen = await look();
    for (let turn = 0; turn < TURNS_MAX && !isDone(seen); turn++) {
      await this.world.node.clock.advance(500);
      await letWorkGoOn();
      seen = await look();
    }
    if (!isDone(seen)) throw new Error(`waited in vain; this is there: ${JSON.stringify(seen)}`);
    return seen;
  }

  #startAgent(): StartedAgent {
    this.starts += 1;
    const { clock } = this.world.node;
    const { random } = this.world;
    const { crash, started } = startInChannel((port) =>
      MailAgent.open(
        {
          ...this.world.setupDeps(this.#agentStore),
          prng: this.world.prng,
          openVault: async (secrets) => new InThreadBodyWorker({ clock, random }, { secrets }),
          saveProfile: async () => undefined,
          port,
        },
        { profile: this.profile, nodeUrl: NODE_URL },
      ),
    );
    this.#crash = crash;
    return started;
  }
}

function noImap(): never {
  throw new Error('this world has no IMAP servers');
}

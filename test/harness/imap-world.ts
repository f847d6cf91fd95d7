/** A person's IMAP account against a real Dovecot: the store, the agent behind a message channel, and another program's connection. */
import { ImapFlow } from 'imapflow';
import { type Clock, type HttpDialer, SILENT_LOG } from '../../src/base/index.ts';
import { SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import { ImapAccounts } from '../../src/hub/agents/imap/imap-accounts.ts';
import { ImapAgent } from '../../src/hub/agents/imap/imap-agent.ts';
import type { ServerSettings } from '../../src/hub/agents/imap/imap-protocol.ts';
import type { StartedAgent } from '../../src/hub/agents/supervisor.ts';
import {
  type Caller,
  createJmap,
  type Jmap,
  type Journal,
  type MailAccount,
  MailStore,
  MemoryBlobStore,
  MemoryJournal,
  type Permission,
} from '../../src/jmap/index.ts';
import { startInChannel } from './channel-agent.ts';
import { type Dovecot, PASSWORD } from './dovecot.ts';
import { TestDialer } from './jmap/test-account.ts';
import { until } from './until.ts';

type Arguments = Readonly<Record<string, unknown>>;

/** For what nobody gives up. */
const never = new AbortController().signal;

export interface ImapWorldOptions {
  readonly user: string;
  readonly smtp?: ServerSettings;
  /** To where tokens come from. */
  readonly dialer?: HttpDialer;
  /** The user server's; the machine's if it is left out. */
  readonly clock?: Clock;
  /** The agent's; the same. */
  readonly agentClock?: Clock;
}

export class ImapWorld implements AsyncDisposable {
  readonly journal: Journal = new MemoryJournal();
  readonly blobs = new MemoryBlobStore();
  readonly #port: number;
  readonly #options: ImapWorldOptions;
  #store: MailStore | undefined;
  #accounts: ImapAccounts | undefined;
  #jmap: Jmap | undefined;
  #crash: ((reason: string) => void) | undefined;
  accountId = '';

  private constructor(port: number, options: ImapWorldOptions) {
    this.#port = port;
    this.#options = options;
  }

  /** Without an account. */
  static async empty(server: Pick<Dovecot, 'imapPort'>, options: ImapWorldOptions = { user: '' }): Promise<ImapWorld> {
    const world = new ImapWorld(server.imapPort, options);
    await world.start();
    return world;
  }

  static async open(server: Pick<Dovecot, 'imapPort'>, options: ImapWorldOptions): Promise<ImapWorld> {
    const world = await ImapWorld.empty(server, options);
    const { smtp, user } = options;
    const imap = { ...world.#server, user };
    const address = `${user}@example.org`;
    const { id } = await world.accounts.add({ address, imap, ...(smtp === undefined ? {} : { smtp }) });
    world.accountId = id;
    return world;
  }

  get #server(): ServerSettings {
    const { user } = this.#options;
    return { host: '127.0.0.1', port: this.#port, security: 'none', user, secret: PASSWORD, auth: 'password' };
  }

  get accounts(): ImapAccounts {
    if (this.#accounts === undefined) throw new Error('not started');
    return this.#accounts;
  }

  get jmap(): Jmap {
    if (this.#jmap === undefined) throw new Error('not started');
    return this.#jmap;
  }

  get account(): MailAccount {
    const account = this.#store?.account(this.accountId);
    if (account === undefined) throw new Error('no account');
    return account;
  }

  async start(): Promise<void> {
    const { clock = new SystemClock() } = this.#options;
    const deps = { clock, random: new SystemRandom(), log: SILENT_LOG };
    const onListenerError = (error: unknown): void => {
      throw error;
    };
    const { blobs } = this;
    const store = await MailStore.open({ ...deps, journal: this.journal, onListenerError });
    await store.complete();
    this.#store = store;
    const startImapAgent = (): StartedAgent => this.#startAgent();
    const { dialer = new TestDialer() } = this.#options;
    this.#accounts = new ImapAccounts({ ...deps, store, blobs, startImapAgent, dialer }, { agentTimeoutMs: 10_000 });
    const { isSizeKnown, raw, submitter } = this.#accounts;
    this.#jmap = createJmap({ ...deps, store, blobStore: blobs, source: { isSizeKnown, raw }, submitter });
  }

  /** As the end of the process: what the journal has is all that is left. */
  async kill(): Promise<void> {
    this.#crash?.('killed');
    const [accounts, jmap, store] = [this.#accounts, this.#jmap, this.#store];
    this.#accounts = undefined;
    await jmap?.[Symbol.asyncDispose]();
    await accounts?.[Symbol.asyncDispose]();
    store?.close();
  }

  crashAgent(): void {
    this.#crash?.('crashed');
  }

  async call(...calls: readonly (readonly [name: string, args: Arguments])[]): Promise<Arguments[]> {
    const caller: Caller = {
      username: 'test',
      credential: 'test',
      permissions: new Set<Permission>(['read', 'write', 'send']),
      baseUrl: '/jmap',
    };
    const methodCalls = calls.map(([name, args], index) => [name, { accountId: this.accountId, ...args }, `${index}`]);
    const using = ['core', 'mail', 'submission'].map((name) => `urn:ietf:params:jmap:${name}`);
    const { methodResponses } = await this.jmap.request({ using, methodCalls }, caller, never);
    return methodResponses.map(([name, args]) => {
      if (name === 'error') throw new Error(`a method failed: ${JSON.stringify(args)}`);
      return args as Arguments;
    });
  }

  /** A draft in the mailbox of that name. Returns its id. */
  async draft(mailbox: string, subject: string): Promise<string> {
    const email = {
      mailboxIds: { [this.mailboxNamed(mailbox)]: true },
      subject,
      from: [{ email: 'alice@example.org' }],
      textBody: [{ partId: '1', type: 'text/plain' }],
      bodyValues: { '1': { value: 'made here' } },
    };
    const [answer] = await this.call(['Email/set', { create: { email } }]);
    return (answer as { created: { email: { id: string } } }).created.email.id;
  }

  get emailCount(): number {
    return [...this.account.emailIds()].length;
  }

  /** Whether the index has all that it will have. */
  get isTextRead(): boolean {
    return [...this.account.emailIds()].every((id) => this.account.email(id)?.place?.startsWith('?') === false);
  }

  /** The octets of the message that has a UID of the inbox. */
  async rawAt(uid: number): Promise<Buffer> {
    const ids = [...this.account.emailIds()];
    const id = ids.find((one) => this.account.email(one)?.place?.endsWith(`:${uid}`) === true) ?? '';
    const octets = await this.accounts.raw(this.accountId, id, undefined, never);
    const pieces: Uint8Array[] = [];
    for await (const piece of octets ?? []) pieces.push(piece);
    return Buffer.concat(pieces);
  }

  mailboxNamed(name: string): string {
    const found = this.account.mailboxes().find((mailbox) => mailbox.name === name);
    if (found === undefined) throw new Error(`no mailbox ${name}`);
    return found.id;
  }

  /** Until the store is as the server was when it was called, and nothing is pending. */
  async settled(): Promise<void> {
    // A look under way may have passed what was just changed; the one after it has not.
    for (let round = 0; round < 2; round++) {
      const before = this.#currentAt;
      this.accounts.look(this.accountId);
      await until(() => this.#currentAt !== before && this.account.pending(1).length === 0);
    }
  }

  get #currentAt(): number | undefined {
    return this.accounts.status.find(({ id }) => id === this.accountId)?.server?.currentAt;
  }

  /** Another program of the same person. */
  async other(): Promise<ImapFlow> {
    const { host, port, user } = this.#server;
    const client = new ImapFlow({
      host,
      port,
      secure: false,
      auth: { user, pass: PASSWORD },
      logger: false,
      disableAutoIdle: true,
    });
    await client.connect();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#jmap?.[Symbol.asyncDispose]();
    await this.#accounts?.[Symbol.asyncDispose]();
    this.#store?.close();
  }

  #startAgent(): StartedAgent {
    const { agentClock: clock = new SystemClock() } = this.#options;
    const { crash, started } = startInChannel((port) => new ImapAgent({ clock, log: SILENT_LOG, port }));
    this.#crash = crash;
    return started;
  }
}

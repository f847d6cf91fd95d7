/**
 * The process of a user server: what its control server asks of it on the bus, and what it serves on its socket. It starts
 * locked; the first session brings the hub key, which opens journal, blobs and agents. Its end is the wipe.
 */
import { join } from 'node:path';
import {
  type Clock,
  fromBase64,
  fromUtf8,
  type Log,
  Scope,
  type SecureRandom,
  toBase64,
  utf8,
} from '../../base/index.ts';
import { SystemResolver, UndiciDialer } from '../../base/system/index.ts';
import type { PushServices } from '../../jmap/index.ts';
import { defaultNodeUrl, homeOf, isLoopbackHost } from '../../protocol/index.ts';
import { startImapThread } from '../agents/imap/imap-thread.ts';
import { enrolInThread, joinInThread, startMailThread } from '../agents/mail/mail-thread.ts';
import type { MailPlace } from '../agents/mail/mail-worker.ts';
import type { Component } from '../component/component.ts';
import { checkFence } from '../component/fence.ts';
import type { Launch } from '../component/launch.ts';
import { openSealed, sealTo } from '../component/sealing.ts';
import { BusSecrets } from '../component/secrets.ts';
import {
  accountPassword,
  ENROL_PURPOSE,
  ENROLLED_PURPOSE,
  enrolment,
  HUB_KEY_PURPOSE,
  JOIN_PURPOSE,
  PASSWORD_PURPOSE,
  sessionEnrol,
  sessionJoin,
  sessionOpen,
  wake,
} from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { readSlots } from '../slots/slot-file.ts';
import { HttpServer } from './http-server.ts';
import { SealedJournal } from './journal/sealed-journal.ts';
import { BLOBS_FOLDER, SETTLE_MS } from './limits.ts';
import { Pace } from './pace.ts';
import { SealedBlobs } from './sealed-blobs.ts';
import { TicketAsker } from './ticket-asker.ts';
import { UserServer } from './user-server.ts';

export interface ProcessDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly component: Component;
  /** Of V8, whose flag of the process its control server sets: memory, until something else is said. */
  readonly favour: (what: 'memory' | 'speed') => void;
  /** Gives memory back that nothing needs any more. */
  readonly collectGarbage: () => void;
  /** The process must end: nothing it holds in memory counts any more. */
  readonly onFailed: (error: Error) => void;
}

const JOURNAL_FOLDER = 'journal';

export class UserServerProcess implements AsyncDisposable {
  readonly #deps: ProcessDeps;
  readonly #launch: Launch;
  readonly #secrets: BusSecrets;
  readonly #scope: Scope;
  #journal: SealedJournal | undefined;
  #user: UserServer | undefined;
  #unlocking: Promise<void> | undefined;
  #http: HttpServer | undefined;
  #closing: Promise<void> | undefined;

  private constructor(deps: ProcessDeps, launch: Launch) {
    this.#deps = deps;
    this.#launch = launch;
    this.#scope = new Scope((task, error) => deps.log.error({ err: error, task }, 'a task of the process failed'));
    this.#secrets = new BusSecrets(deps.component, launch.keys.sealing, launch.control.instance);
  }

  /** Serves when it resolves, and has said so. `stop` is called when the control server asks for the end, and answered. */
  static async open(deps: ProcessDeps, launch: Launch, stop: () => Promise<void>): Promise<UserServerProcess> {
    const process = new UserServerProcess(deps, launch);
    const { socketPath, user: username } = launch;
    process.#listenToBus(stop);
    const user = (): UserServer => process.#unlocked();
    const asker = { user: username, control: launch.control.instance };
    const tickets = new TicketAsker({ log: deps.log, component: deps.component, user }, asker);
    process.#http = await HttpServer.open({ log: deps.log, user, tickets }, { socketPath, username });
    await deps.component.tell(launch.control.instance, 'ready', {}, { user: launch.user });
    return process;
  }

  /** Another process has relieved the control server. */
  onRelieved(): void {
    this.#user?.remindAgain();
  }

  /** What was acknowledged is on the disk. Idempotent. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#unlocking?.catch(() => undefined); // told to whoever asked for it
    await this.#scope[Symbol.asyncDispose]();
    await this.#http?.[Symbol.asyncDispose]();
    await this.#user?.[Symbol.asyncDispose]();
    await this.#journal?.[Symbol.asyncDispose]();
  }

  #listenToBus(stop: () => Promise<void>): void {
    const { component, random } = this.#deps;
    const { control, keys, user } = this.#launch;
    component.handle('ping', async () => ({ lags: (this.#user?.imap.lags ?? []).map((lag) => ({ ...lag })) }));
    component.handle('session.open', async (body, _sender, signal) => {
      if (!sessionOpen.safeParse(body).success) throw new HubError('malformed', 'not a session');
      await this.#unlock(signal);
      return {};
    });
    component.hear('logins', () => this.#scope.spawn('logins', () => this.#judgeLogins()));
    component.handle('session.join', async (body, _sender, signal) => {
      const { data, success } = sessionJoin.safeParse(body);
      if (!success) throw new HubError('malformed', 'not a question about a password');
      const password = fromUtf8(openSealed(keys.sealing, JOIN_PURPOSE, fromBase64(data.password)));
      const hubKey = await joinInThread(this.#deps, this.#place(), password, signal);
      return { hubKey: toBase64(sealTo(random, control.keys.sealing, HUB_KEY_PURPOSE, hubKey)) };
    });
    component.handle('session.enrol', (body, _sender, signal) => this.#enrol(body, signal));
    component.handle('account.password', async (body) => {
      const { data, success } = accountPassword.safeParse(body);
      if (!success) throw new HubError('malformed', 'not a password');
      const password = fromUtf8(openSealed(keys.sealing, PASSWORD_PURPOSE, fromBase64(data.password)));
      await this.#unlocked().askAgent('changePassword', { password });
      return {};
    });
    component.handle('account.close', async () => {
      await this.#unlocked().askAgent('closeAccount', {});
      return {};
    });
    component.handle('stop', async () => {
      await stop();
      return {};
    });
    component.hear('wake', (body) => {
      if (wake.safeParse(body).success) this.#user?.wake();
    });
    this.#deps.log.debug({ user }, 'a user server starts');
  }

  async #enrol(body: unknown, signal: AbortSignal): Promise<{ readonly outcome: string }> {
    const { random } = this.#deps;
    const { control, keys } = this.#launch;
    const { data, success } = sessionEnrol.safeParse(body);
    if (!success) throw new HubError('malformed', 'not an enrolment');
    const asked = enrolment.parse(
      JSON.parse(fromUtf8(openSealed(keys.sealing, ENROL_PURPOSE, fromBase64(data.enrolment)))),
    );
    const outcome = await enrolInThread(this.#deps, this.#place(), asked, signal);
    const told = outcome.status === 'enrolled' ? { ...outcome, hubKey: toBase64(outcome.hubKey) } : outcome;
    const sealed = sealTo(random, control.keys.sealing, ENROLLED_PURPOSE, utf8(JSON.stringify(told)));
    return { outcome: toBase64(sealed) };
  }

  /** Once, however many sessions begin together. */
  #unlock(signal: AbortSignal): Promise<void> {
    this.#unlocking ??= this.#openAll(signal).catch((error: unknown) => {
      this.#unlocking = undefined; // the next session may bring what was missing
      this.#deps.log.error({ err: error, user: this.#launch.user }, 'a user server cannot be unlocked');
      throw error;
    });
    return this.#unlocking;
  }

  async #openAll(signal: AbortSignal): Promise<void> {
    const { clock, component, log, onFailed, random } = this.#deps;
    const { cache, control, fence, folder, limits, user } = this.#launch;
    const hubKey = await this.#secrets.ask('hub-key', { user, signal });
    const check = (): void => checkFence(folder, fence);
    const place = this.#place();
    const pace = new Pace(this.#deps);
    const onAppended = (rows: number): void => {
      if (pace.took(rows)) this.#scope.spawn('pace', (filling) => pace.untilFilled(filling));
    };
    onAppended(Number.POSITIVE_INFINITY); // a start takes everything that the journal has
    const [journal, blobs] = await Promise.all([
      SealedJournal.open(
        { random, log, checkFence: check, onFailed, onAppended },
        { folder: join(folder, JOURNAL_FOLDER), hubKey, fence, cache },
      ),
      SealedBlobs.open({ random, checkFence: check }, { folder: join(folder, BLOBS_FOLDER), hubKey }),
    ]);
    this.#journal = journal;
    this.#user = await UserServer.open(
      {
        ...{ clock, random, log, journal, blobs },
        startMailAgent: () => startMailThread({ clock, log }, place, hubKey),
        startImapAgent: () => startImapThread({ clock, log }),
        pushServices: this.#pushServices(),
        remind: (reminder) => component.tell(control.instance, 'reminder', { ...reminder }, { user }),
      },
      { address: user, cache, agentTimeoutMs: limits.agentTimeoutMs },
    );
    await this.#judgeLogins();
    this.#scope.spawn('settle', async (settled) => {
      await clock.sleep(SETTLE_MS, settled);
      this.#deps.collectGarbage();
    });
  }

  /** What belongs to a login that was revoked, perhaps while this user server was stopped, ends with it. */
  async #judgeLogins(): Promise<void> {
    const slots = await readSlots(this.#launch.folder);
    this.#user?.jmap.keepCredentials((login) => slots.some(({ id }) => id === login));
  }

  /** Where a push goes is for the person to say: it stays out of the hub's own network, unless the home is on this machine. */
  #pushServices(): PushServices {
    const home = homeOf(this.#launch.user);
    const resolver = new SystemResolver();
    const allowPrivate = isLoopbackHost(home.replace(/:\d+$/, ''));
    const dialer = new UndiciDialer({ clock: this.#deps.clock, resolver }, { allowPrivate });
    return { dialer, contact: `mailto:postmaster@${home}` };
  }

  #unlocked(): UserServer {
    if (this.#user === undefined) throw new HubError('locked', 'nobody has logged in since the start');
    return this.#user;
  }

  #place(): MailPlace {
    const { allowPrivate, cache, folder, hostFolder, nodeUrl, user: address } = this.#launch;
    return { address, allowPrivate, cache, folder, hostFolder, nodeUrl: nodeUrl ?? defaultNodeUrl(address) };
  }
}

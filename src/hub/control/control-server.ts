/**
 * The control server: one for each host. Authenticates people's programs, starts a user server for each person on demand,
 * and carries what is said between them. What it knows (who is where, keys, credentials) is in memory only.
 *
 * Stops in order: no new connections, sessions are cut, user servers write and end, then everything is closed.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, type CryptoSuite, type Log, Scope, type SecureRandom } from '../../base/index.ts';
import { type Address, type HomeName, homeOf, isAddress } from '../../protocol/index.ts';
import type { Bus } from '../bus/bus.ts';
import { IpcBusServer } from '../bus/ipc/ipc-server.ts';
import { Component } from '../component/component.ts';
import { createInstanceId, createSessionId } from '../component/ids.ts';
import { createComponentKeys, publicKeysOf } from '../component/keys.ts';
import type { CacheMode } from '../component/launch.ts';
import { reminder as reminderSchema } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { Page } from '../page/page.ts';
import type { Claim } from '../placement/placement.ts';
import { ThreadedStretcher } from '../slots/stretcher.ts';
import { AccountDoor } from './account-door.ts';
import { AccountMaker } from './account-maker.ts';
import { Admission, type AdmissionDeps } from './admission.ts';
import { Authenticator } from './authenticator.ts';
import { type Cluster, joinBroker, standAlone } from './cluster.ts';
import { FramesDoor } from './frames-door.ts';
import { Gate } from './gate.ts';
import type { HomeCheck } from './home-check.ts';
import { HttpDoor, type HttpDoorDeps } from './http-door.ts';
import { KeyRing } from './key-ring.ts';
import { JOINS_AT_ONCE, OPEN_TIMEOUT_MS, SOCKET_FOLDER_CHARACTERS_MAX, STRANGERS_MAX, TICK_MS } from './limits.ts';
import { type ListenAt, Listener } from './listener.ts';
import { Metrics } from './metrics.ts';
import type { HostStatus, Operator } from './operator.ts';
import { OPERATOR_SOCKET } from './operator.ts';
import { OperatorDoor } from './operator-door.ts';
import { type HomeOperator, OperatorPage } from './operator-page.ts';
import { PasswordDoor } from './password-door.ts';
import { Reminders } from './reminders.ts';
import { Sessions } from './sessions.ts';
import { SlotDoor } from './slot-door.ts';
import { SlotKeeper } from './slot-keeper.ts';
import { ProcessSpawner, type Spawner } from './spawner.ts';
import { StrangerList } from './stranger-list.ts';
import { Throttle } from './throttle.ts';
import { Tickets } from './tickets.ts';
import { UserFolders } from './user-folders.ts';
import { UserServers } from './user-servers.ts';

export interface ControlServerDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  /** Closed with the control server. */
  readonly homeCheck: HomeCheck;
}

export interface ControlServerOptions {
  /** Of this host. */
  readonly folder: string;
  /** The users' folders; hosts that share a broker share it. */
  readonly usersFolder: string;
  /** The main file of the user server. */
  readonly program: string;
  /** Where programs of this host connect. */
  readonly socket: { readonly path: string; readonly mode: number };
  readonly port?: Extract<ListenAt, { host: string }> | undefined;
  /** Where programs reach the port, when a proxy stands before it. */
  readonly publicUrl?: string | undefined;
  /** Of the web page's built files; absent: there is no page. */
  readonly pageFolder?: string | undefined;
  /** The operator's page is served at the port; `home` is the node beside this hub. Absent: it is not. */
  readonly operatorPage?: { readonly home: HomeOperator | undefined } | undefined;
  readonly cache: CacheMode;
  readonly idleTimeoutMs: number;
  readonly memoryBytes: number;
  readonly allowPrivate: boolean;
  /** Reaches the home by this node. */
  readonly nodeUrl?: string | undefined;
  /** Whose people may log in for the first time; absent: any home's. */
  readonly homes?: readonly HomeName[] | undefined;
  /** The hub of one person. */
  readonly onlyUser?: Address | undefined;
  /** Several hosts share the users; the place is this host's port, as the others reach it. */
  readonly broker?: { readonly url: string; readonly host: string; readonly usersMax: number } | undefined;
}

type Closing = AsyncDisposable[];

export class ControlServer implements AsyncDisposable {
  readonly #deps: ControlServerDeps;
  readonly #options: ControlServerOptions;
  readonly #metrics = new Metrics();
  readonly #scope: Scope;
  /** In the order in which they were opened. */
  readonly #opened: Closing = [];
  readonly #listeners: Listener[] = [];
  /** Whose user server is being started for what has come. */
  readonly #waking = new Set<Address>();
  #parts: Parts | undefined;
  #isDraining = false;

  private constructor(deps: ControlServerDeps, options: ControlServerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the control server failed'));
  }

  /** Throws HubError `port_in_use`; what was opened by then is closed again. */
  static async open(deps: ControlServerDeps, options: ControlServerOptions): Promise<ControlServer> {
    const server = new ControlServer(deps, options);
    try {
      await server.#open();
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Of the port; 0 where only a socket listens. */
  get port(): number {
    return Math.max(0, ...this.#listeners.map(({ port }) => port));
  }

  /** `http://host:port`, or the public URL. */
  get url(): string {
    const { port, publicUrl } = this.#options;
    if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
    if (port === undefined) return 'http://localhost';
    const host = port.host.includes(':') ? `[${port.host}]` : port.host;
    return `${port.tls === undefined ? 'http' : 'https'}://${host}:${this.port}`;
  }

  /** Whether there is a web page at that URL. */
  get hasPage(): boolean {
    return this.#parts?.doors.page !== undefined;
  }

  /** The login of the operator's page, as long as this hub runs; undefined: it is off. */
  get operatorToken(): string | undefined {
    return this.#parts?.doors.operatorPage?.token;
  }

  get operator(): Operator {
    return {
      status: async () => this.#status(),
      sessions: async () => this.#open_.sessions.status(),
      drain: async () => this.#drain(),
      restart: async (user) => {
        this.#open_.servers.of(user).restart();
        return { user };
      },
    };
  }

  /** Mail has come for these people; a user server that is stopped starts only if it has asked for that. */
  announceMail(users: Iterable<Address>): void {
    for (const user of users) this.#scope.spawn('announce mail', () => this.#open_.cluster.announceMail(user));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.stopListening();
    this.#parts?.admission.authenticator.close();
    this.#parts?.sessions.end(() => true);
    await this.#scope[Symbol.asyncDispose]();
    for (const part of this.#opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
  }

  get #open_(): Parts {
    if (this.#parts === undefined) throw new Error('the control server is closed');
    return this.#parts;
  }

  #keep<Part extends AsyncDisposable>(part: Part): Part {
    this.#opened.push(part);
    return part;
  }

  async #open(): Promise<void> {
    const { clock, log } = this.#deps;
    const { folder, socket, usersFolder } = this.#options;
    for (const path of [folder, usersFolder]) await mkdir(path, { recursive: true, mode: 0o700 });
    const runFolder = await this.#makeRunFolder();
    const busPath = join(runFolder, 'bus.sock');
    const ipc = this.#keep(await IpcBusServer.open(log, busPath));
    const parts = await this.#assemble(ipc.bus, runFolder, busPath);
    this.#parts = parts;
    this.#metrics.watch(async () => this.#status());
    this.#scope.spawn('sessions', async (signal) => {
      for (;;) {
        await clock.sleep(TICK_MS, signal);
        parts.sessions.sweep();
        parts.tickets.sweep();
        const { keyRing, reminders, servers } = parts;
        keyRing.sweep((user) => servers.ifAny(user) !== undefined || reminders.has(user));
        for (const user of reminders.takeDue(clock.now())) this.#wake(user, 'reminder');
      }
    });
    await this.#listen(parts, { path: socket.path, mode: socket.mode });
    if (this.#options.port !== undefined) await this.#listen(parts, this.#options.port);
    await this.#joinBroker(parts);
    const operatorDoor = this.#keep(new OperatorDoor(log, this.operator, () => this.#metrics.registry.metrics()));
    this.#keep(
      await Listener.open(
        { log, strangers: parts.strangers },
        { path: join(folder, OPERATOR_SOCKET), mode: 0o600 },
        {
          onFrames: (stream) => stream.destroy(),
          onUpgrade: (_, stream) => stream.destroy(),
          onRequest: (request, response) => operatorDoor.onRequest(request, response),
        },
      ),
    );
  }

  async #assemble(bus: Bus, runFolder: string, busPath: string): Promise<Parts> {
    const { clock, homeCheck, log, random, suite } = this.#deps;
    const { homes, onlyUser, pageFolder, program, usersFolder } = this.#options;
    const self = { instance: createInstanceId(random), keys: createComponentKeys(suite, random) };
    const component = this.#keep(await Component.open({ clock, suite, log, bus }, self));
    const keyRing = new KeyRing(clock, random, self.keys.sealing);
    keyRing.serve(component);
    const folders = new UserFolders(usersFolder);
    const stretcher = this.#keep(new ThreadedStretcher());
    const slots = new SlotKeeper({ clock, random, folders, stretcher });
    const spawner: Spawner = this.#keep(new ProcessSpawner({ clock, log }, program));
    const claim = (user: Address): Promise<Claim> => this.#open_.cluster.claim(user);
    const servers = this.#keep(
      new UserServers(
        { clock, suite, random, log, component, spawner, folders, claim },
        { ...this.#options, self: { instance: self.instance, keys: publicKeysOf(self.keys) }, busPath, runFolder },
      ),
    );
    const sessions = new Sessions(clock, ({ id, user }) => servers.ifAny(user)?.closeSession(id));
    const tickets = new Tickets({ clock, random, folders, keyRing, sessions });
    tickets.serve(component);
    const mayJoin = (user: Address): boolean =>
      onlyUser === undefined ? (homes?.includes(homeOf(user)) ?? true) : user === onlyUser;
    const throttle = new Throttle(clock);
    const joins = new Gate(JOINS_AT_ONCE);
    const asking = {
      clock,
      random,
      component,
      keys: self.keys.sealing,
      keyRing,
      servers,
      slots,
      throttle,
      joins,
      mayJoin,
    };
    const authenticator = new Authenticator({ ...asking, suite, stretcher, homeCheck: this.#keep(homeCheck) });
    const accountDoor = new AccountDoor({ maker: new AccountMaker(asking) }, { homes });
    const strangers = this.#keep(new StrangerList(clock, { countMax: STRANGERS_MAX, timeoutMs: OPEN_TIMEOUT_MS }));
    const locate: AdmissionDeps['locate'] = (user, signal) => this.#open_.cluster.locate(user, signal);
    const admission = new Admission({ clock, random, authenticator, keyRing, servers, sessions, slots, locate });
    const slotDoor = new SlotDoor({ authenticator, keyRing, servers, sessions, slots });
    const { operatorPage: shown } = this.#options;
    const health = (): readonly string[] => this.#health();
    const figures = { operator: this.operator, metrics: () => this.#metrics.registry.metrics(), health, throttle };
    const operatorPage = shown === undefined ? undefined : new OperatorPage({ ...shown, ...figures }, random);
    const passwordDoor = new PasswordDoor({ ...asking, authenticator, sessions });
    const page = pageFolder === undefined ? undefined : await Page.open(pageFolder);
    const cluster = standAlone(folders, (user) => this.#onMail(user));
    const reminders = new Reminders();
    component.hear('reminder', (body, { user }) => {
      if (user !== undefined) reminders.set(user, reminderSchema.parse(body));
    });
    const doors = { accountDoor, operatorPage, page, passwordDoor, slotDoor };
    return { admission, cluster, component, doors, folders, keyRing, reminders, servers, sessions, strangers, tickets };
  }

  async #listen({ admission, doors, strangers, tickets }: Parts, at: ListenAt): Promise<void> {
    const { log } = this.#deps;
    const { onlyUser, publicUrl } = this.#options;
    const onRefused = (code: string): void => this.#metrics.refused.inc({ code });
    const frames = this.#keep(new FramesDoor({ log, admission, tickets, base: () => this.url, onlyUser, onRefused }));
    const isSecure = !('path' in at) && at.tls !== undefined;
    const http = this.#keep(
      new HttpDoor({ ...doors, log, admission, tickets, publicUrl, isSecure, onRefused, health: () => this.#health() }),
    );
    const listener = await Listener.open({ log, strangers }, at, {
      onFrames: (socket, origin, known) => frames.accept(socket, origin, known),
      onRequest: (request, response, origin) => http.onRequest(request, response, origin),
      onUpgrade: (request, socket, head, origin) => http.onUpgrade(request, socket, head, origin),
    });
    this.#listeners.push(this.#keep(listener));
  }

  #health(): readonly string[] {
    return [...(this.#isDraining ? ['this host is being drained'] : []), ...this.#open_.cluster.problems()];
  }

  /** Last, for the others may send people here as soon as it is done. */
  async #joinBroker(parts: Parts): Promise<void> {
    const { broker, port } = this.#options;
    if (broker === undefined || port === undefined) return;
    const { component, folders } = parts;
    const location = { host: broker.host, port: this.port, tls: port.tls !== undefined };
    const onMail = (user: string): void => this.#onMail(user);
    const cluster = await joinBroker(
      { ...this.#deps, folders, instance: component.instance, onMail },
      { url: broker.url, location, usersMax: broker.usersMax },
    );
    // Closed after the user servers, and before the bus of this host: claims last as long as what they allow.
    this.#opened.splice(1, 0, cluster);
    this.#parts = { ...parts, cluster };
  }

  #onMail(user: string): void {
    if (!isAddress(user)) return;
    const { reminders, servers } = this.#open_;
    const server = servers.ifAny(user);
    if (server?.isRunning === true) server.wake('mail');
    else if (reminders.wakesOnMail(user)) this.#wake(user, 'mail');
  }

  /** Starts the user server if it is stopped, and lets it unlock as a session would. */
  #wake(user: Address, reason: 'mail' | 'reminder'): void {
    const { keyRing, reminders, servers } = this.#open_;
    // Without a key it could do nothing.
    if (this.#isDraining || !keyRing.has(user) || this.#waking.has(user)) return;
    this.#waking.add(user);
    this.#scope.spawn('wake', async (signal) => {
      const server = servers.of(user);
      using _held = server.hold();
      const session = createSessionId(this.#deps.random);
      try {
        await server.openSession(session, [], signal);
      } catch (error) {
        if (!(error instanceof HubError)) throw error;
        if (error.code === 'moved') reminders.forget(user);
        this.#deps.log.info({ user, code: error.code, reason }, 'a user server could not be woken');
        return;
      } finally {
        this.#waking.delete(user);
      }
      server.wake(reason);
      server.closeSession(session);
    });
  }

  #status(): HostStatus {
    const { component, servers, sessions, strangers } = this.#open_;
    return {
      host: hostname(),
      isDraining: this.#isDraining,
      sessions: sessions.count,
      strangers: strangers.count,
      refusedMessages: Object.fromEntries(component.refused),
      users: servers.status(),
    };
  }

  async #drain(): Promise<{ readonly ended: number }> {
    this.#isDraining = true;
    this.#open_.cluster.drain();
    for (const listener of this.#listeners) listener.stopListening();
    const ended = this.#open_.sessions.end(() => true);
    for (const { user } of this.#open_.servers.status()) this.#open_.servers.ifAny(user)?.stop();
    return { ended };
  }

  /** Sockets of user servers are in it. A Unix socket's path is short: where the hub's folder is deep, it is elsewhere. */
  async #makeRunFolder(): Promise<string> {
    const { folder } = this.#options;
    const path = join(folder, 'run');
    if (path.length <= SOCKET_FOLDER_CHARACTERS_MAX) {
      await rm(path, { recursive: true, force: true });
      await mkdir(path, { mode: 0o700 });
      return path;
    }
    const elsewhere = await mkdtemp(join(tmpdir(), 'restante-hub-'));
    this.#keep({ [Symbol.asyncDispose]: () => rm(elsewhere, { recursive: true, force: true }) });
    return elsewhere;
  }
}

interface Parts {
  readonly admission: Admission;
  readonly cluster: Cluster;
  readonly component: Component;
  readonly doors: Pick<HttpDoorDeps, 'accountDoor' | 'operatorPage' | 'page' | 'passwordDoor' | 'slotDoor'>;
  readonly folders: UserFolders;
  readonly keyRing: KeyRing;
  readonly reminders: Reminders;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly strangers: StrangerList;
  readonly tickets: Tickets;
}

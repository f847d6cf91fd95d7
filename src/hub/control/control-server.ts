/**
 * The control server: one for each host. Authenticates people's programs, starts a user server for each person on demand,
 * and carries what is said between them. What it knows (who is where, keys, credentials) is in memory only.
 *
 * Stops in order: no new connections, sessions are cut, user servers write and end, then everything is closed.
 */
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Scope } from '../../base/index.ts';
import { type Address, homeOf, isAddress } from '../../protocol/index.ts';
import type { Bus } from '../bus/bus.ts';
import { IpcBusServer } from '../bus/ipc/ipc-server.ts';
import { Component } from '../component/component.ts';
import type { Self } from '../component/correspondence.ts';
import { createSessionId } from '../component/ids.ts';
import { publicKeysOf } from '../component/keys.ts';
import { reminder as reminderSchema } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { Page } from '../page/page.ts';
import type { Claim } from '../placement/placement.ts';
import { Stretcher } from '../slots/stretcher.ts';
import { AccountDoor } from './account-door.ts';
import { AccountMaker } from './account-maker.ts';
import { Admission, type AdmissionDeps } from './admission.ts';
import { Authenticator } from './authenticator.ts';
import { JoiningCluster, joinBroker, standAlone } from './cluster.ts';
import type { ControlServerDeps, ControlServerOptions } from './control-options.ts';
import type { Parts, Passage } from './control-parts.ts';
import { FramesDoor } from './frames-door.ts';
import { Gate } from './gate.ts';
import { HttpDoor } from './http-door.ts';
import { KeyRing } from './key-ring.ts';
import { JOINS_AT_ONCE, OPEN_TIMEOUT_MS, STRANGERS_MAX, TICK_MS } from './limits.ts';
import { type ListenAt, Listener } from './listener.ts';
import { Metrics } from './metrics.ts';
import type { HostStatus, Operator } from './operator.ts';
import { OPERATOR_SOCKET } from './operator.ts';
import { OperatorDoor } from './operator-door.ts';
import { OperatorPage } from './operator-page.ts';
import { PasswordDoor } from './password-door.ts';
import type { Relief } from './relief.ts';
import { collectRelief, peersOf, restoreRelief, selfOf } from './relieving.ts';
import { Reminders } from './reminders.ts';
import { RunFolder } from './run-folder.ts';
import { Sessions } from './sessions.ts';
import { SlotDoor } from './slot-door.ts';
import { SlotKeeper } from './slot-keeper.ts';
import { ProcessSpawner, type Spawner } from './spawner.ts';
import { StrangerList } from './stranger-list.ts';
import { Throttle } from './throttle.ts';
import { Tickets } from './tickets.ts';
import { UserFolders } from './user-folders.ts';
import { UserServers } from './user-servers.ts';

type Closing = AsyncDisposable[];

export class ControlServer implements AsyncDisposable {
  readonly #deps: ControlServerDeps;
  readonly #options: ControlServerOptions;
  readonly #metrics = new Metrics();
  readonly #scope: Scope;
  /** In the order in which they were opened. */
  readonly #opened: Closing = [];
  readonly #listeners: Listener[] = [];
  readonly #joining = new JoiningCluster();
  /** Whose user server is being started for what has come. */
  readonly #waking = new Set<Address>();
  #parts: Parts | undefined;
  #isDraining = false;
  #passage: Passage | undefined;
  #isBeingRelieved = false;
  #hasLeft = false;

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

  /** It serves nobody any more: another process does. */
  get hasLeft(): boolean {
    return this.#hasLeft;
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
      relieve: () => this.#relieve(),
    };
  }

  /**
   * Nobody is served any more, but the user servers live on: what is returned is the `relief` of the control server that
   * takes over. Only the operator who has asked for it still gets an answer.
   */
  async leave(): Promise<Relief> {
    this.#hasLeft = true;
    const { port } = this;
    const { admission, servers, sessions, slots, ...parts } = this.#open_;
    const { authenticator } = admission;
    const { ipc, operatorListener, runFolder, self } = this.#passage ?? unopened();
    operatorListener.stopListening();
    authenticator.close();
    sessions.end(() => true);
    // Whoever is being woken is woken by the next one.
    const at = Math.floor(this.#deps.clock.now());
    for (const user of this.#waking) parts.reminders.set(user, { id: 'time', at, onMail: false });
    // Two processes never change the same slots, and what is revoked by now is not believed over there.
    await slots.close();
    for (const listener of this.#listeners) await listener[Symbol.asyncDispose]();
    const living = await servers.leave();
    const relief = collectRelief({ ...parts, authenticator }, living, { self, port, runFolder: runFolder.leave() });
    await ipc[Symbol.asyncDispose]();
    return relief;
  }

  /** Mail has come for these people; a user server that is stopped starts only if it has asked for that. */
  announceMail(users: Iterable<Address>): void {
    for (const user of users)
      this.#scope.spawn('announce mail', (signal) => this.#open_.cluster.announceMail(user, signal));
  }

  /** One at a time: of two processes that relieve this one, both would serve. */
  async #relieve(): Promise<{ readonly pid: number }> {
    const { broker, relieve } = this.#options;
    if (relieve === undefined) throw new HubError('forbidden', 'this hub is a part of `restante up`: restart that');
    if (broker !== undefined) throw new HubError('forbidden', 'hosts of a broker relieve each other: drain this one');
    if (this.#isBeingRelieved) throw new HubError('busy', 'another process is about to take the place of this one');
    this.#isBeingRelieved = true;
    try {
      return { pid: await relieve() };
    } finally {
      this.#isBeingRelieved = this.#hasLeft;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const listener of this.#listeners) listener.stopListening();
    this.#parts?.admission.authenticator.close();
    this.#parts?.sessions.end(() => true);
    await this.#scope[Symbol.asyncDispose]();
    for (const part of this.#opened.splice(0).reverse()) await part[Symbol.asyncDispose]();
  }

  get #open_(): Parts {
    return this.#parts ?? unopened();
  }

  #keep<Part extends AsyncDisposable>(part: Part): Part {
    this.#opened.push(part);
    return part;
  }

  async #open(): Promise<void> {
    const { clock, log } = this.#deps;
    const { folder, relief, socket, usersFolder } = this.#options;
    for (const path of [folder, usersFolder]) await mkdir(path, { recursive: true, mode: 0o700 });
    const self = selfOf(this.#deps.suite, this.#deps.random, relief);
    const runFolder = this.#keep(await RunFolder.open(folder, relief?.runFolder));
    const busPath = join(runFolder.path, 'bus.sock');
    const ipc = this.#keep(await IpcBusServer.open(log, busPath));
    const parts = await this.#assemble(self, ipc.bus, runFolder.path, busPath);
    this.#parts = parts;
    this.#metrics.watch(async () => this.#status());
    this.#scope.spawn('sessions', async (signal) => {
      for (;;) {
        await clock.sleep(TICK_MS, signal);
        parts.sessions.sweep();
        parts.tickets.sweep();
        const { keyRing, reminders, servers } = parts;
        keyRing.sweep((user) => servers.ifAny(user) !== undefined || reminders.has(user));
        // What is due while this one leaves is the next one's.
        if (!this.#hasLeft) for (const user of reminders.takeDue(clock.now())) this.#wake(user, 'reminder');
      }
    });
    await this.#listen(parts, { path: socket.path, mode: socket.mode });
    const { port } = this.#options;
    if (port !== undefined) await this.#listen(parts, { ...port, port: relief?.port ?? port.port });
    await this.#joinBroker(parts);
    const operatorListener = await this.#openOperator(parts.strangers);
    this.#passage = { ipc, operatorListener, runFolder, self };
  }

  async #openOperator(strangers: StrangerList): Promise<Listener> {
    const { log } = this.#deps;
    const operatorDoor = new OperatorDoor(log, this.operator, () => this.#metrics.registry.metrics());
    const listener = await Listener.open(
      { log, strangers },
      { path: join(this.#options.folder, OPERATOR_SOCKET), mode: 0o600 },
      {
        onFrames: (stream) => stream.destroy(),
        onUpgrade: (_, stream) => stream.destroy(),
        onRequest: (request, response) => operatorDoor.onRequest(request, response),
      },
    );
    this.#keep(listener);
    this.#keep(operatorDoor); // closed before the listener: whoever has asked is answered
    return listener;
  }

  async #assemble(self: Self, bus: Bus, runFolder: string, busPath: string): Promise<Parts> {
    const { clock, homeCheck, log, random, suite } = this.#deps;
    const { homes, onlyUser, pageFolder, program, relief, usersFolder } = this.#options;
    const component = this.#keep(await Component.open({ clock, suite, log, bus }, self, peersOf(relief)));
    const keyRing = new KeyRing(clock, random, self.keys.sealing);
    keyRing.serve(component);
    const folders = new UserFolders(usersFolder);
    const stretcher = this.#keep(new Stretcher(suite));
    const slots = new SlotKeeper({ clock, random, folders, stretcher });
    const spawner: Spawner = this.#keep(new ProcessSpawner({ clock, log }, program));
    const claim = (user: Address, signal: AbortSignal): Promise<Claim> => this.#open_.cluster.claim(user, signal);
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
    const reminders = new Reminders();
    // Before those that were left are known here: they tell again what they wait for.
    component.hear('reminder', (body, { user }) => {
      if (user !== undefined) reminders.set(user, reminderSchema.parse(body));
    });
    if (relief !== undefined) restoreRelief({ authenticator, keyRing, reminders, servers }, relief);
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
    const onMail = (user: string): void => this.#onMail(user);
    const cluster = this.#options.broker === undefined ? standAlone(folders, onMail) : this.#joining;
    const doors = { accountDoor, operatorPage, page, passwordDoor, slotDoor };
    const known = { folders, keyRing, reminders, servers, sessions, slots, strangers, tickets };
    return { admission, cluster, component, doors, ...known };
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
    if (broker === undefined) return;
    if (port === undefined) throw new HubError('forbidden', 'hosts of one broker reach each other by their ports');
    const { component, folders } = parts;
    const location = { host: broker.host, port: this.port, tls: port.tls !== undefined };
    const onMail = (user: string): void => this.#onMail(user);
    const cluster = await joinBroker(
      { ...this.#deps, folders, instance: component.instance, onMail },
      { url: broker.url, location, usersMax: broker.usersMax },
    );
    // Closed after the user servers, and before the bus of this host: claims last as long as what they allow.
    this.#opened.splice(1, 0, cluster);
    this.#joining.joined(cluster);
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
        reminders.notWoken(user, error.code, this.#deps.clock.now());
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
}

function unopened(): never {
  throw new Error('the control server is closed');
}

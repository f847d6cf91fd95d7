/**
 * A mail node: one server process of a home. It opens its folder, serves clients over HTTP and WebSocket, answers the
 * operator on the control socket, and stops in order: no new connections, what was accepted is written and answered,
 * then everything is closed.
 */
import type { FastifyInstance } from 'fastify';
import {
  type Clock,
  type CryptoSuite,
  Emitter,
  type FrameSocket,
  InlineSignatureChecker,
  type Log,
  Scope,
  type SecureRandom,
  type SignatureChecker,
} from '../base/index.ts';
import {
  SystemResolver,
  SystemServiceResolver,
  ThreadedSignatureChecker,
  UndiciDialer,
  WsDialer,
} from '../base/system/index.ts';
import {
  DEFAULT_TRANSPORT_LIMITS,
  FederationError,
  isLoopbackHome,
  mountFederation,
  mountWkd,
} from '../federation/index.ts';
import { type Address, EntryKind, type HomeName, parseHomeName } from '../protocol/index.ts';
import { type Abroad, doorTo } from './abroad.ts';
import type { Registration } from './accounts.ts';
import { ControlServer, connectControl } from './control.ts';
import { Core, type CoreOptions } from './core.ts';
import { readHomeConfig } from './data-folder.ts';
import type { Doorway } from './doorway.ts';
import { DIAL_TIMEOUT_MS, LINK_FRAME_BYTES_MAX } from './fleet/index.ts';
import { CLIENT_PATH, HttpServer } from './http-server.ts';
import { type LetterCarrier, Letters } from './letters.ts';
import { DEFAULT_LIMITS, type NodeLimits } from './limits.ts';
import { type DoorStatus, Metrics } from './metrics.ts';
import { lossOf } from './node-store.ts';
import type { Operator } from './operator.ts';

export interface NodeDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
}

export interface NodeOptions {
  /** Holds everything. */
  readonly folder: string;
  /** The PostgreSQL database that has the rows, for a new folder or when it is elsewhere now; absent: as the folder says. */
  readonly database?: string;
  /** For a new folder; default `localhost:PORT`. An existing folder keeps its home, and refuses another. */
  readonly home?: HomeName;
  readonly nodeName?: string;
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Where clients reach this node when a proxy stands before it: `https://mail.example`. */
  readonly publicUrl?: string;
  /** The proxy is believed where a connection comes from (`X-Forwarded-For`). */
  readonly behindProxy?: boolean;
  readonly tls?: { readonly certFile: string; readonly keyFile: string };
  readonly registration: Registration;
  /** Also reach homes at private and loopback addresses; default: when this home is a loopback home. */
  readonly allowPrivate?: boolean;
  readonly limits?: Partial<NodeLimits>;
  /** On how many disks an entry is before its receipt says so, this node's included; default 1. */
  readonly durability?: number;
  /** Somebody will carry letters of so many bytes (`carry`); default: nobody. */
  readonly letterBytes?: number;
  /** The home's MTA-STS policy (RFC 8461), for whoever asks; default: none. */
  readonly stsPolicy?: string;
}

export class Node implements AsyncDisposable {
  /** Resolves when the node can go on no more, with why; whoever runs it stops it. */
  readonly lost: Promise<Error>;
  readonly #deps: NodeDeps;
  readonly #options: NodeOptions;
  readonly #limits: NodeLimits;
  readonly #metrics = new Metrics();
  readonly #letters: Letters;
  readonly #scope: Scope;
  readonly #signatures: SignatureChecker;
  readonly #events: Emitter<{ readonly mail: ReadonlySet<Address> }>;
  #lose: (why: Error) => void = () => undefined;
  #core: Core | undefined;
  /** Who came before the home was open, which it is soon; undefined once it closes. */
  #early: { readonly socket: FrameSocket; readonly serve: (core: Core) => Promise<void> }[] | undefined = [];
  #http: HttpServer | undefined;
  #control: ControlServer | undefined;
  #home: HomeName | undefined;
  #dialer: UndiciDialer | undefined;

  private constructor(deps: NodeDeps, options: NodeOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the node failed'));
    this.#signatures = new ThreadedSignatureChecker(deps.suite);
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    this.#letters = new Letters(deps, { bytesMax: options.letterBytes ?? 0 });
    this.#events = new Emitter((error) => deps.log.error({ error }, 'a listener of the node failed'));
  }

  /** Throws NodeError or StoreError; what was opened by then is closed again. */
  static async open(deps: NodeDeps, options: NodeOptions): Promise<Node> {
    const node = new Node(deps, options);
    try {
      await node.#open();
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  get home(): HomeName {
    return this.#opened.folder.config.home;
  }

  get port(): number {
    return this.#http?.port ?? this.#options.port;
  }

  /** `http://host:port`, or the public URL. */
  get httpUrl(): string {
    const { host, publicUrl, tls } = this.#options;
    if (publicUrl !== undefined) return publicUrl.replace(/\/+$/, '');
    return `${tls === undefined ? 'http' : 'https'}://${host.includes(':') ? `[${host}]` : host}:${this.port}`;
  }

  /** Where clients connect: `ws://…/client`. */
  get url(): string {
    return `${this.httpUrl.replace(/^http/, 'ws')}${CLIENT_PATH}`;
  }

  /** Why it is not ready to serve; empty: it is. */
  async health(): Promise<readonly string[]> {
    return this.#core === undefined ? ['starting or stopping'] : this.#core.health();
  }

  /** What it counts, in Prometheus' words. */
  metrics(): Promise<string> {
    return this.#metrics.registry.metrics();
  }

  get operator(): Operator {
    return this.#opened.operator;
  }

  /** For a door to the world's mail. Throws while the node is opened again. */
  get doorway(): Doorway {
    return this.#opened.doorway;
  }

  get core(): Core {
    return this.#opened;
  }

  /** From now on this home takes ordinary mail of its people, to be sent on. */
  carry(carrier: LetterCarrier): Disposable {
    return this.#letters.carry(carrier);
  }

  /** A door to the world's mail is part of the node's status from now on; it counts in `registry`. */
  watchDoor(read: () => DoorStatus): void {
    this.#metrics.door = read;
  }

  /** What the node counts. */
  get registry(): Metrics['registry'] {
    return this.#metrics.registry;
  }

  /** `listener` hears whose mailbox has new mail, once it is on the disk. */
  onMail(listener: (accounts: ReadonlySet<Address>) => void): Disposable {
    return this.#events.on('mail', listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
    const core = this.#core;
    this.#core = undefined;
    for (const { socket } of this.#early ?? []) sendAway(socket);
    this.#early = undefined;
    await this.#control?.[Symbol.asyncDispose]();
    await core?.[Symbol.asyncDispose]();
    await this.#http?.[Symbol.asyncDispose]();
    await this.#dialer?.[Symbol.asyncDispose]();
    await this.#signatures[Symbol.asyncDispose]();
  }

  get #opened(): Core {
    if (this.#core === undefined) throw new Error('the node is closed');
    return this.#core;
  }

  async #open(): Promise<void> {
    const { clock, log } = this.#deps;
    const { behindProxy = false, folder, host, port, stsPolicy, tls } = this.#options;
    this.#metrics.gauge(
      'restante_feed_blocks',
      'Blocks of the feed being written',
      () => this.#core?.feeds.current.length ?? 0,
    );
    this.#metrics.gauge(
      'restante_store_bytes',
      'Bytes on disk',
      async () => (await this.#core?.operator.status())?.bytes ?? 0,
    );
    this.#metrics.gauge(
      'restante_disk_free_bytes',
      'Bytes that are free on the disk; NaN where it is the database’s',
      () => {
        return this.#core?.room.space?.freeBytes ?? Number.NaN;
      },
    );
    this.#metrics.gauge('restante_disk_low', '1 while no mail is taken because the disk is nearly full', () => {
      return this.#core?.room.isLow === true ? 1 : 0;
    });
    this.#metrics.destinations(async () => (await this.#core?.messaging?.status()) ?? []);
    this.#metrics.gauge('restante_fleet_links', 'Other nodes of the home that there is a link to', () => {
      return this.#core?.fleet.links.length ?? 0;
    });
    this.#metrics.gauge('restante_feed_forks', 'Feeds whose key has signed two histories', () => {
      return this.#core?.fleet.status().feeds.filter(({ fork }) => fork !== null).length ?? 0;
    });
    this.#metrics.keyLogs(async () => (await this.#core?.messaging?.keyLogs()) ?? []);
    // The port comes first: a new loopback home is named after it.
    this.#http = await HttpServer.open(
      {
        clock,
        log,
        metrics: this.#metrics,
        home: () => this.#opened.home,
        health: () => this.health(),
        onConnection: (socket, remote, onAuthenticated) =>
          this.#admit(socket, (core) => core.serve(socket, remote, onAuthenticated)),
        mount: (fastify) => this.#mountOutside(fastify),
        mayLink: (target, authorization) => this.#core?.fleet.mayLink(target, authorization) ?? false,
        onLink: (socket, authorization) => this.#admit(socket, (core) => core.serveNode(socket, authorization)),
      },
      { host, port, behindProxy, limits: this.#limits, stsPolicy, ...(tls === undefined ? {} : { tls }) },
    );
    const existing = await readHomeConfig(folder);
    this.#home = this.#options.home ?? existing?.home ?? parseHomeName(`localhost:${this.#http.port}`);
    const core = await this.#openCore();
    this.#serveWith(core);
    this.#control = await ControlServer.open(() => this.operator, log, core.folder.controlSocket);
    log.info({ home: this.home, url: this.url, folder }, 'the node serves');
  }

  async #openCore(): Promise<Core> {
    const { database, durability, folder, nodeName, registration } = this.#options;
    const options: CoreOptions = {
      folder,
      registration,
      limits: this.#limits,
      onFeedRetired: () => this.#reopen(),
      onRoleChanged: () => this.#reopen(),
      ...(database === undefined ? {} : { database }),
      ...(durability === undefined ? {} : { durability }),
      ...(this.#home === undefined ? {} : { home: this.#home }),
      ...(nodeName === undefined ? {} : { nodeName }),
    };
    const core = await Core.open(
      {
        ...this.#deps,
        signatures: this.#signatures,
        metrics: this.#metrics,
        letters: this.#letters,
        abroad: this.#abroadOf(),
        nodes: this.#nodeDialer(),
      },
      options,
    );
    void lossOf(core.store).then((error) => {
      this.#deps.log.error({ error }, 'the rows of this node are lost to it: it stops');
      this.#lose(error);
    });
    core.journal.events.on('committed', ({ entries }) => {
      const mail = entries.filter(({ header }) => header.kind === EntryKind.MAIL);
      if (mail.length > 0)
        this.#events.emit('mail', new Set(mail.flatMap(({ header }) => header.accounts as Address[])));
    });
    await core.publish([this.url]);
    return core;
  }

  /** What other homes ask, and what any OpenPGP program may. */
  async #mountOutside(fastify: FastifyInstance): Promise<void> {
    const door = doorTo(() => this.#core?.outside);
    const node = this;
    const options = {
      // The port, and with it the name of a loopback home, comes after the routes.
      get home(): HomeName {
        if (node.#home === undefined) throw new FederationError('unavailable', 'starting', { retry: 'later' });
        return node.#home;
      },
      limits: DEFAULT_TRANSPORT_LIMITS,
    };
    await mountFederation(fastify, { ...this.#deps, ...door }, options);
    mountWkd(
      fastify,
      async ({ address }) => (address === undefined ? undefined : this.#core?.people.certificate(address)),
      () => this.#home,
    );
  }

  /** A home on this machine may reach others on it; any other stays out of private networks unless the operator says so. */
  #abroadOf(): Abroad {
    const { clock } = this.#deps;
    const allowPrivate = this.#options.allowPrivate ?? (this.#home !== undefined && isLoopbackHome(this.#home));
    this.#dialer ??= new UndiciDialer({ clock, resolver: new SystemResolver() }, { allowPrivate });
    return { dialer: this.#dialer, services: new SystemServiceResolver() };
  }

  /** To the other nodes of the home, which may well stand in one private network. */
  #nodeDialer(): WsDialer {
    return openNodeDialer(this.#deps.clock);
  }

  /** The port comes before the home, whose name may be made of it: who is early waits until the home is open. */
  #admit(socket: FrameSocket, serve: (core: Core) => Promise<void>): void {
    if (this.#core !== undefined) this.#serve(this.#core, serve);
    else if (this.#early !== undefined) this.#early.push({ socket, serve });
    else sendAway(socket);
  }

  #serveWith(core: Core): void {
    this.#core = core;
    for (const { serve } of this.#early?.splice(0) ?? []) this.#serve(core, serve);
  }

  #serve(core: Core, serve: (core: Core) => Promise<void>): void {
    serve(core).catch((error: unknown) => this.#deps.log.error({ error }, 'a connection failed'));
  }

  /** The feed has ended: everything of this folder is opened again, with a new feed. Clients come back by themselves. */
  #reopen(): void {
    this.#scope.spawn('reopen', async () => {
      const core = this.#core;
      this.#core = undefined;
      await core?.[Symbol.asyncDispose]();
      this.#serveWith(await this.#openCore());
    });
  }
}

function sendAway(socket: FrameSocket): void {
  socket.close(1012, 'stopping');
}

/** The home document names these nodes, so an operator has: they may stand in a private network. */
export function openNodeDialer(clock: Clock): WsDialer {
  const options = { frameBytesMax: LINK_FRAME_BYTES_MAX, timeoutMs: DIAL_TIMEOUT_MS, allowPrivate: true };
  return new WsDialer({ clock, resolver: new SystemResolver() }, options);
}

/**
 * The operator of a folder: by the control socket of the node that runs there, or, when none runs, by opening the folder
 * for as long as `work` takes.
 */
export async function withOperator<Result>(
  deps: NodeDeps,
  folder: string,
  work: (operator: Operator) => Promise<Result>,
  /** What is done first where no node runs. */
  before: () => Promise<void> = async () => undefined,
): Promise<Result> {
  const config = await readHomeConfig(folder);
  const running = config === undefined ? undefined : await connectControl(`${folder}/control.sock`);
  if (running !== undefined) {
    using operator = running;
    return await work(operator);
  }
  await before();
  await using core = await Core.open(
    { ...deps, signatures: new InlineSignatureChecker(deps.suite), metrics: new Metrics(), abroad: undefined },
    { folder, registration: 'closed', limits: DEFAULT_LIMITS, onFeedRetired: () => {} },
  );
  return await work(core.operator);
}

/** The way between homes of one process: real HTTP on loopback to each node, cut as tests like, and noted as it goes by. */
import {
  DialError,
  type HttpAnswer,
  type HttpDialer,
  type HttpRequest,
  type ManualClock,
  SILENT_LOG,
} from '../../src/base/index.ts';
import { SodiumSuite, SystemResolver, UndiciDialer } from '../../src/base/system/index.ts';
import { DEFAULT_TRANSPORT_LIMITS, mountFederation } from '../../src/federation/index.ts';
import { type Abroad, doorTo } from '../../src/node/abroad.ts';
import { HttpServer } from '../../src/node/http-server.ts';
import { type Core, DEFAULT_LIMITS, Metrics } from '../../src/node/index.ts';
import type { HomeName } from '../../src/protocol/index.ts';

const suite = new SodiumSuite();

/** Where one node is reached. */
export interface Site extends AsyncDisposable {
  readonly port: number;
}

export interface Noted {
  readonly from: number;
  readonly to: number;
  readonly path: string;
}

export class Internet implements AsyncDisposable {
  /** Every request that got through. */
  readonly noted: Noted[] = [];
  readonly #clock: ManualClock;
  readonly #dialer: UndiciDialer;
  readonly #cores = new Map<number, () => Core | undefined>();
  readonly #cut = new Set<number>();

  constructor(clock: ManualClock) {
    this.#clock = clock;
    this.#dialer = new UndiciDialer({ clock, resolver: new SystemResolver() }, { allowPrivate: true });
  }

  /** A place for a node, which answers while there is a core. */
  async open(core: () => Core | undefined, home: () => HomeName): Promise<Site> {
    const clock = this.#clock;
    const door = doorTo(() => core()?.outside);
    const server = await HttpServer.open(
      {
        clock,
        log: SILENT_LOG,
        metrics: new Metrics(),
        home: () => (core() as Core).home,
        health: async () => [],
        mayLink: () => false,
        onLink: (socket) => socket.terminate(),
        onConnection: (socket) => socket.terminate(),
        mount: (fastify) =>
          mountFederation(
            fastify,
            { ...door, suite, clock, log: SILENT_LOG },
            {
              get home(): HomeName {
                return home();
              },
              limits: DEFAULT_TRANSPORT_LIMITS,
            },
          ),
      },
      { host: '127.0.0.1', port: 0, behindProxy: false, limits: DEFAULT_LIMITS },
    );
    const { port } = server;
    this.#cores.set(port, core);
    return {
      port,
      [Symbol.asyncDispose]: async () => {
        this.#cores.delete(port);
        await server[Symbol.asyncDispose]();
      },
    };
  }

  abroadOf({ port }: Site): Abroad {
    const dialer: HttpDialer = { request: (request, signal) => this.#carry(port, request, signal) };
    return { dialer, services: { services: async () => [] } };
  }

  /** A node reaches no other home, and none reaches it. */
  cut({ port }: Site): void {
    this.#cut.add(port);
  }

  mend(): void {
    this.#cut.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#dialer[Symbol.asyncDispose]();
  }

  async #carry(from: number, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const { host, pathname, port } = new URL(request.url);
    const to = Number(port);
    if (this.#cut.has(from) || this.#cut.has(to) || this.#cores.get(to)?.() === undefined)
      throw new DialError('unreachable', `no way to ${host}`);
    const answer = await this.#dialer.request(request, signal);
    this.noted.push({ from, to, path: pathname });
    return answer;
  }
}

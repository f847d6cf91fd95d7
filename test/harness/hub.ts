/** A control server in this process with real user server processes, and programs that speak to it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Clock, fromUtf8, type Log, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import type { ControlServerOptions } from '../../src/hub/control/control-options.ts';
import { ControlServer } from '../../src/hub/control/control-server.ts';
import type { HomeCheck } from '../../src/hub/control/home-check.ts';
import { encodeFrame, FrameReader, HubError } from '../../src/hub-client/index.ts';

/** Everybody's in `small-user-server.mjs`. */
export const PASSWORD = 'correct horse';

export interface TestHub extends AsyncDisposable {
  readonly control: ControlServer;
  readonly socketPath: string;
  readonly folder: string;
  readonly usersFolder: string;
}

export async function openHub(
  options: Partial<ControlServerOptions> = {},
  log: Log = SILENT_LOG,
  homeCheck: HomeCheck = new SmallHome(),
  clock: Clock = new SystemClock(),
): Promise<TestHub> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'hub-')));
  const socketPath = join(folder, 'hub.sock');
  const usersFolder = options.usersFolder ?? join(folder, 'users');
  const control = await ControlServer.open(
    { clock, random: new SystemRandom(), suite: new SodiumSuite(), log, homeCheck },
    {
      folder,
      usersFolder,
      program: fileURLToPath(new URL('./small-user-server.mjs', import.meta.url)),
      socket: { path: socketPath, mode: 0o600 },
      port: { host: '127.0.0.1', port: 0 },
      cache: 'disk',
      idleTimeoutMs: 60_000,
      memoryBytes: 400_000_000,
      allowPrivate: true,
      ...options,
    },
  );
  return {
    control,
    socketPath,
    folder,
    usersFolder,
    [Symbol.asyncDispose]: async () => {
      await control[Symbol.asyncDispose]();
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The home of the small user server's people: everybody has the same password, but for those who are nobody. */
export class SmallHome implements HomeCheck {
  async check(user: string, password: string): Promise<void> {
    if (password !== PASSWORD || user.startsWith('nobody'))
      throw new HubError('refused', 'address and password do not belong together');
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

type Message = Readonly<Record<string, unknown>>;
/** What the small user server answers. */
export interface Notes {
  readonly notes: readonly string[];
  readonly pid: number;
  readonly key: string;
}

/** What the small user server answers by any way. */
export function asNotes(answer: unknown): Notes {
  return answer as Notes;
}

/** A program that speaks in frames. */
export class FrameProgram implements Disposable {
  readonly socket: Socket;
  readonly #frames: Message[] = [];
  readonly #wakers = new Set<() => void>();
  #callCount = 0;
  isEnded = false;

  constructor(socket: Socket) {
    this.socket = socket;
    const reader = new FrameReader(10_000_000);
    const wake = (): void => {
      for (const waker of [...this.#wakers]) waker();
    };
    socket.on('data', (chunk) => {
      this.#frames.push(...reader.push(chunk).map((frame) => JSON.parse(fromUtf8(frame)) as Message));
      wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isEnded = true;
      wake();
    });
  }

  static async connect(to: string | number): Promise<FrameProgram> {
    const socket = typeof to === 'string' ? connect(to) : connect(to, '127.0.0.1');
    await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    return new FrameProgram(socket);
  }

  /** Opens a session; what comes back is `opened` or `error`. */
  static async open(to: string | number, open: Message): Promise<[FrameProgram, Message]> {
    const program = await FrameProgram.connect(to);
    program.send({ open });
    return [program, await program.next(() => true)];
  }

  send(message: Message): void {
    this.socket.write(encodeFrame(utf8(JSON.stringify(message))));
  }

  /** The first message that has not been taken and for which it holds; rejects when the connection ends before. */
  async next(holds: (message: Message) => boolean): Promise<Message> {
    for (;;) {
      const index = this.#frames.findIndex(holds);
      if (index !== -1) return this.#frames.splice(index, 1)[0] as Message;
      if (this.isEnded) throw new Error('the connection ended');
      await new Promise<void>((resolve) => {
        const waker = (): void => {
          this.#wakers.delete(waker);
          resolve();
        };
        this.#wakers.add(waker);
      });
    }
  }

  async ended(): Promise<void> {
    await this.next(() => false).catch(() => undefined);
  }

  async call(...methodCall: readonly [string, unknown?]): Promise<Notes> {
    const id = ++this.#callCount;
    this.send({ id, request: { using: [], methodCalls: [methodCall] } });
    return (await this.next((message) => message.id === id)).response as Notes;
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export function basic(user: string, password: string): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

export function http(port: number, path: string, options: RequestOptions = {}, body?: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
      });
      response.once('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }));
      response.once('error', reject);
    });
    asked.once('error', reject);
    asked.end(body);
  });
}

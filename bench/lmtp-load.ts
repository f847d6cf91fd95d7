/** Delivers messages to an LMTP or SMTP server over several connections, one transaction after the other on each. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface LmtpLoad {
  readonly port: number;
  readonly connections: number;
  readonly messages: number;
  readonly messageBytes: number;
  readonly user: (connection: number) => string;
  /** Which of the two is spoken. */
  readonly greeting: 'LHLO' | 'EHLO';
}

/** Connections that have said hello: what that takes is not measured. */
export class LmtpLoader implements Disposable {
  readonly #lanes: readonly Lane[];
  readonly #load: LmtpLoad;

  private constructor(lanes: readonly Lane[], load: LmtpLoad) {
    this.#lanes = lanes;
    this.#load = load;
  }

  static async open(load: LmtpLoad): Promise<LmtpLoader> {
    return new LmtpLoader(await Promise.all(Array.from({ length: load.connections }, () => Lane.open(load))), load);
  }

  /** Resolves with how many were sent when each is acknowledged, its data on disk. */
  async send(): Promise<number> {
    const { connections, messageBytes, messages, user } = this.#load;
    const perLane = Math.floor(messages / connections);
    await Promise.all(
      this.#lanes.map(async (lane, i) => {
        for (let n = 0; n < perLane; n++) await lane.deliver(user(i), message(i, n, messageBytes));
      }),
    );
    return perLane * connections;
  }

  [Symbol.dispose](): void {
    for (const lane of this.#lanes) lane.close();
  }
}

/** Messages per second. */
export async function measureLmtp(load: LmtpLoad): Promise<number> {
  using loader = await LmtpLoader.open(load);
  const startedAt = performance.now();
  const sent = await loader.send();
  return sent / ((performance.now() - startedAt) / 1000);
}

class Lane {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async open({ port, greeting }: LmtpLoad): Promise<Lane> {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    const lane = new Lane(socket);
    await lane.#expect('220');
    await lane.#say(`${greeting} bench`, '250');
    return lane;
  }

  async deliver(user: string, text: string): Promise<void> {
    // Pipelined as RFC 2033 recommends: one round trip for the envelope.
    this.#socket.write(`MAIL FROM:<bench@example.org>\r\nRCPT TO:<${user}@example.org>\r\nDATA\r\n`);
    for (const code of ['250', '250', '354']) await this.#expect(code);
    await this.#say(`${text}\r\n.`, '250');
  }

  close(): void {
    this.#socket.destroy();
  }

  async #say(text: string, code: string): Promise<void> {
    this.#socket.write(`${text}\r\n`);
    await this.#expect(code);
  }

  async #expect(code: string): Promise<void> {
    for (;;) {
      const line = await this.#lines.next();
      if (line.done === true || !line.value.startsWith(code)) throw new Error(`LMTP said ${line.value}, not ${code}`);
      if (line.value[3] !== '-') return;
    }
  }
}

function message(lane: number, n: number, bytes: number): string {
  const head = `Message-ID: <${lane}.${n}.${performance.now()}@bench.example>\r\nFrom: a@example.org\r\nTo: b@example.org\r\nSubject: ${n}\r\n\r\n`;
  return (
    head +
    'x'
      .repeat(76)
      .concat('\r\n')
      .repeat(Math.max(1, Math.ceil((bytes - head.length) / 78)))
  );
}

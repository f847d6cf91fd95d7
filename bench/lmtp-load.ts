/** Delivers messages to an LMTP server over several connections, one transaction after the other on each. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

export interface LmtpLoad {
  readonly port: number;
  readonly connections: number;
  readonly messages: number;
  readonly messageBytes: number;
  readonly user: (connection: number) => string;
}

/** Messages per second, each acknowledged after its data is on disk. */
export async function measureLmtp(load: LmtpLoad): Promise<number> {
  const lanes = await Promise.all(Array.from({ length: load.connections }, () => Lane.open(load.port)));
  const perLane = Math.floor(load.messages / load.connections);
  const startedAt = performance.now();
  await Promise.all(
    lanes.map(async (lane, i) => {
      for (let n = 0; n < perLane; n++) await lane.deliver(load.user(i), message(i, n, load.messageBytes));
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const lane of lanes) lane.close();
  return (perLane * load.connections) / seconds;
}

class Lane {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async open(port: number): Promise<Lane> {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    const lane = new Lane(socket);
    await lane.#expect('220');
    await lane.#say('LHLO bench', '250');
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

/** The terminal of a command that runs here and was typed elsewhere: its streams, and its person's answers. */
import { Readable, Writable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import type { Streams } from '../context.ts';
import type { ErrorLine } from '../error-line.ts';
import type { Asking, Secret } from '../terminal/questions.ts';
import {
  bytesOfPiece,
  type Channel,
  type FromGuest,
  type FromHost,
  piecesOf,
  type Question,
  type TerminalFacts,
} from './channel.ts';

type Answer = Extract<FromGuest, { type: 'answer' }>;

export class RemoteTerminal implements Asking {
  readonly streams: Streams;
  readonly hasPassword: boolean;
  readonly #channel: Channel<FromGuest, FromHost>;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #stdin: Readable;
  #asked = 0;

  constructor(channel: Channel<FromGuest, FromHost>, facts: TerminalFacts) {
    this.#channel = channel;
    this.hasPassword = facts.hasPassword;
    let isWanted = false;
    // Nothing is read there before a command reads here: a prompt may need the keys.
    this.#stdin = new Readable({
      read: () => {
        if (!isWanted) void channel.send({ type: 'wantInput' });
        isWanted = true;
      },
    });
    this.streams = {
      stdin: Object.assign(this.#stdin, { isTTY: facts.isTTY.stdin }),
      stdout: this.#output('stdout', facts),
      stderr: this.#output('stderr', facts),
      environment: facts.environment,
    };
  }

  /** What the other side says while the command runs. */
  take(message: FromGuest): void {
    if (message.type === 'input') this.#stdin.push(bytesOfPiece(message.bytes));
    else if (message.type === 'inputEnd') this.#stdin.push(null);
    else if (message.type === 'answer') {
      this.#waiting.get(message.number)?.(message);
      this.#waiting.delete(message.number);
    }
  }

  /** The command has ended: resolves when everything that it said is on its way. */
  async flush(): Promise<void> {
    const { stderr, stdout } = this.streams;
    await Promise.all([stdout, stderr].map((stream) => new Promise<void>((resolve) => stream.end(resolve))));
  }

  /** Nobody is there any more. */
  gone(): void {
    this.#stdin.push(null);
    const error: ErrorLine = { code: 'interrupted', message: 'the question was not answered', fix: 'Run it again.' };
    for (const [number, resolve] of this.#waiting) resolve({ type: 'answer', number, error });
    this.#waiting.clear();
  }

  secret(secret: Secret): Promise<string> {
    return this.#ask({ ask: 'secret', secret });
  }

  newPassword(): Promise<string> {
    return this.#ask({ ask: 'newPassword' });
  }

  async confirm(question: string): Promise<void> {
    await this.#ask({ ask: 'confirm', question });
  }

  async #ask(question: Question): Promise<string> {
    const number = ++this.#asked;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(number, resolve));
    await this.#channel.send({ type: 'question', number, question });
    const { error, text = '' } = await answered;
    if (error === undefined) return text;
    throw new CliError(error.code as CliError['code'], error.message, { fix: error.fix });
  }

  #output(to: 'stdout' | 'stderr', { columns, isTTY }: TerminalFacts): Streams['stdout'] {
    const write = async (bytes: Uint8Array): Promise<void> => {
      for (const piece of piecesOf(bytes)) await this.#channel.send({ type: 'write', to, bytes: piece });
    };
    const stream = new Writable({
      write: (chunk: Uint8Array, _encoding, done) => void write(chunk).then(() => done()),
    });
    return Object.assign(stream, { isTTY: isTTY[to], columns: columns[to] ?? 0 });
  }
}

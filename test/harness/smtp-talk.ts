/** SMTP by hand: what is sent is sent as it is, and answers are read one by one. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

/** A connection that is reset ends as one that is closed. */
const CUT = { done: true, value: undefined } as const;

export class SmtpTalk implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  #greeting = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  /** After the greeting and, unless told otherwise, EHLO. `early` is sent before anything was read. */
  static async open(port: number, hello = 'EHLO mail.example.net', early = ''): Promise<SmtpTalk> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    socket.on('error', () => socket.destroy()); // a refusal that cuts is read from the lines
    const talk = new SmtpTalk(socket);
    if (early !== '') talk.send(early);
    talk.#greeting = await talk.read();
    if (hello !== '') await talk.ask(hello);
    return talk;
  }

  /** What the server said first. */
  get greeting(): string {
    return this.#greeting;
  }

  /** Sends a command and reads its answer. */
  async ask(command: string): Promise<string> {
    this.send(`${command}\r\n`);
    return this.read();
  }

  send(octets: string | Uint8Array): void {
    this.#socket.write(typeof octets === 'string' ? Buffer.from(octets, 'latin1') : octets);
  }

  /** One answer, all of its lines; `closed` when there is none any more. */
  async read(): Promise<string> {
    const lines: string[] = [];
    for (;;) {
      const next = await this.#lines.next().catch(() => CUT);
      if (next.done === true) return lines.length === 0 ? 'closed' : lines.join('\n');
      lines.push(next.value);
      if (/^\d{3} /.test(next.value)) return lines.join('\n');
    }
  }

  /** An envelope and its message, up to the answer after the dot. */
  async mail(sender: string, recipients: readonly string[], data: string | Uint8Array): Promise<string> {
    const envelope = [`MAIL FROM:<${sender}>`, ...recipients.map((recipient) => `RCPT TO:<${recipient}>`), 'DATA'];
    for (const command of envelope) {
      const answer = await this.ask(command);
      if (!/^[23]/.test(answer)) return answer;
    }
    this.send(data);
    this.send('\r\n.\r\n');
    return this.read();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }
}

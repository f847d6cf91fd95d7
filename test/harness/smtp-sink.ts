/** A submission server that takes mail, fails where a test wants it to, and remembers what it has taken. */
import type { AddressInfo, Socket } from 'node:net';
import { SMTPServer } from 'smtp-server';
import type { ServerSettings } from '../../src/hub/agents/imap/imap-protocol.ts';

export interface SmtpBehaviour {
  /** Answers to RCPT TO, by address, so many times or always; all others are taken. */
  readonly recipients?: Readonly<
    Record<string, { readonly code: number; readonly text: string; readonly times?: number }>
  >;
  /** The message is taken and the connection cut, so that nobody hears of it; that many times. */
  readonly cutAfterData?: number;
  /** The message is taken and nothing is said, that many times. */
  readonly silentAfterData?: number;
  /** Before the message is taken: 451, that many times. */
  readonly busy?: number;
  /** Whether a password or token is taken; otherwise `secret` is. */
  readonly isGood?: (credential: string) => boolean;
}

export class SmtpSink implements AsyncDisposable {
  readonly taken: string[] = [];
  /** Of each message that was taken. */
  readonly recipients: string[][] = [];
  readonly settings: ServerSettings;
  readonly #server: SMTPServer;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(
    server: SMTPServer,
    port: number,
    taken: string[],
    takenFor: string[][],
    sockets: ReadonlySet<Socket>,
  ) {
    this.#server = server;
    this.#sockets = sockets;
    this.taken = taken;
    this.recipients = takenFor;
    const common = { security: 'none', auth: 'password', user: 'alice', secret: 'secret' } as const;
    this.settings = { host: '127.0.0.1', port, ...common };
  }

  static async open({
    busy = 0,
    cutAfterData = 0,
    isGood = (credential) => credential === 'secret',
    recipients = {},
    silentAfterData = 0,
  }: SmtpBehaviour = {}): Promise<SmtpSink> {
    const taken: string[] = [];
    const takenFor: string[][] = [];
    const sockets = new Set<Socket>();
    const asked = new Map<string, number>();
    let [busyLeft, cutsLeft, silentLeft] = [busy, cutAfterData, silentAfterData];
    const server = new SMTPServer({
      authOptional: true,
      disabledCommands: ['STARTTLS'],
      allowInsecureAuth: true,
      logger: false,
      authMethods: ['PLAIN', 'LOGIN', 'XOAUTH2'],
      onAuth: ({ accessToken, password, username }, _session, done) =>
        isGood(password ?? accessToken ?? '')
          ? done(null, { user: username ?? '' })
          : done(refusal(535, '5.7.8 not yours')),
      onRcptTo: ({ address }, _session, done) => {
        const refused = recipients[address];
        const times = (asked.get(address) ?? 0) + 1;
        asked.set(address, times);
        const isTaken = refused === undefined || times > (refused.times ?? Number.POSITIVE_INFINITY);
        done(isTaken ? null : refusal(refused.code, refused.text));
      },
      onData: (stream, { envelope }, done) => {
        const pieces: Buffer[] = [];
        stream.on('data', (piece: Buffer) => pieces.push(piece));
        stream.on('end', () => {
          if (busyLeft > 0) {
            busyLeft--;
            done(refusal(451, 'come again'));
            return;
          }
          taken.push(Buffer.concat(pieces).toString('latin1'));
          takenFor.push(envelope.rcptTo.map(({ address }) => address));
          if (silentLeft-- > 0) return;
          if (cutsLeft > 0) {
            cutsLeft--;
            for (const socket of sockets) socket.destroy();
            return;
          }
          done(null);
        });
      },
    });
    server.on('error', () => undefined);
    server.server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.server.address() as AddressInfo;
    return new SmtpSink(server, port, taken, takenFor, sockets);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}

function refusal(code: number, text: string): Error {
  return Object.assign(new Error(text), { responseCode: code });
}

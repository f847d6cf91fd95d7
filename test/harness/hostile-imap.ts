/** An IMAP server that says what a test wants: by command, its answer, or nothing. What is not scripted is answered well. */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** Undefined: the usual answer. */
export type Script = (tag: string, command: string, socket: Socket) => string | undefined;

const CAPABILITIES = 'IMAP4rev1 UIDPLUS MOVE IDLE ENABLE CONDSTORE QRESYNC';

export class HostileImap implements AsyncDisposable {
  readonly imapPort: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.imapPort = port;
  }

  static async open(script: Script, greeting = `* OK [CAPABILITY ${CAPABILITIES}] ready\r\n`): Promise<HostileImap> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const hostile = new HostileImap(server, (server.address() as AddressInfo).port);
    server.on('connection', (socket) => hostile.#serve(socket, script, greeting));
    return hostile;
  }

  get connectionCount(): number {
    return this.#sockets.size;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket, script: Script, greeting: string): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.write(greeting);
    let held = '';
    socket.on('data', (bytes) => {
      held += bytes.toString('latin1');
      for (let end = held.indexOf('\r\n'); end >= 0; end = held.indexOf('\r\n')) {
        const [tag = '', ...words] = held.slice(0, end).split(' ');
        held = held.slice(end + 2);
        const command = words.join(' ');
        socket.write(script(tag, command, socket) ?? usual(tag, command));
      }
    });
  }
}

function usual(tag: string, command: string): string {
  const verb = command.replace(/^UID /i, '').split(' ')[0]?.toUpperCase();
  switch (verb) {
    case 'CAPABILITY':
      return `* CAPABILITY ${CAPABILITIES}\r\n${tag} OK done\r\n`;
    case 'LIST':
    case 'LSUB':
      return `* ${verb} () "/" INBOX\r\n${tag} OK done\r\n`;
    case 'STATUS':
      return `* STATUS INBOX (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 1 HIGHESTMODSEQ 1)\r\n${tag} OK done\r\n`;
    case 'SELECT':
    case 'EXAMINE':
      return [
        '* 1 EXISTS',
        '* OK [UIDVALIDITY 1] valid',
        '* OK [UIDNEXT 2] next',
        '* OK [HIGHESTMODSEQ 1] modseq',
        `${tag} OK [READ-WRITE] selected`,
        '',
      ].join('\r\n');
    case 'IDLE':
      return '+ idling\r\n';
    case 'SEARCH':
      return `* SEARCH 1\r\n${tag} OK done\r\n`;
    case 'FETCH':
      return `* 1 FETCH (UID 1 FLAGS () RFC822.SIZE 14 INTERNALDATE "01-Jan-2026 00:00:00 +0000" BODY[HEADER] {14}\r\nSubject: hi\r\n\r\n)\r\n${tag} OK done\r\n`;
    default:
      return `${tag} OK done\r\n`;
  }
}

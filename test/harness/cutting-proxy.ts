/**
 * Stands between an account and its IMAP server, and lets one APPEND go wrong: the server does it and its answer is lost, or
 * the server gets what was said only long after whoever said it has gone.
 */
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

const COMMAND = /^(\S+) APPEND [^\r\n]*\r\n/;

type Fault =
  | { readonly kind: 'none' }
  /** The connection ends in place of the answer. */
  | { readonly kind: 'cut'; tag?: string }
  /** What follows the command's line waits for `release`. */
  | { readonly kind: 'hold'; holder?: Connection };

interface Connection {
  readonly program: Socket;
  readonly server: Socket;
  held: Buffer[];
}

export class CuttingProxy implements AsyncDisposable {
  readonly imapPort: number;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  #fault: Fault = { kind: 'none' };

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.imapPort = port;
  }

  static async open(behind: { readonly imapPort: number }): Promise<CuttingProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const proxy = new CuttingProxy(server, (server.address() as AddressInfo).port);
    server.on('connection', (program) => proxy.#serve(program, connect(behind.imapPort, '127.0.0.1')));
    return proxy;
  }

  /** Of the next APPEND. */
  cutAnswer(): void {
    this.#fault = { kind: 'cut' };
  }

  /** Of the next APPEND. */
  holdMessage(): void {
    this.#fault = { kind: 'hold' };
  }

  /** Whether that has happened. */
  get isCut(): boolean {
    return this.#fault.kind === 'none';
  }

  /** Whether the message has been said, and waits here. */
  get isHolding(): boolean {
    return this.#fault.kind === 'hold' && (this.#fault.holder?.held.length ?? 0) > 0;
  }

  /** The server gets it now. Resolves when it has answered. */
  async release(): Promise<void> {
    const holder = this.#fault.kind === 'hold' ? this.#fault.holder : undefined;
    if (holder === undefined) throw new Error('nothing is held');
    this.#fault = { kind: 'none' };
    const answered = new Promise((resolve) => holder.server.once('data', resolve));
    for (const bytes of holder.held.splice(0)) holder.server.write(bytes);
    await answered;
    if (holder.program.destroyed) holder.server.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { program, server } of this.#connections) {
      program.destroy();
      server.destroy();
    }
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(program: Socket, server: Socket): void {
    const connection: Connection = { program, server, held: [] };
    this.#connections.add(connection);
    for (const socket of [program, server]) socket.on('error', () => undefined);
    program.on('data', (bytes) => this.#said(connection, bytes));
    server.on('data', (bytes) => this.#answered(connection, bytes));
    server.on('close', () => {
      this.#connections.delete(connection);
      program.destroy();
    });
    // The server of a held message lives until it has got it.
    program.on('close', () => {
      if (this.#fault.kind !== 'hold' || this.#fault.holder !== connection) server.destroy();
    });
  }

  #said(connection: Connection, bytes: Buffer): void {
    const { held, server } = connection;
    if (this.#fault.kind === 'hold' && this.#fault.holder === connection) {
      held.push(bytes);
      return;
    }
    const line = COMMAND.exec(bytes.toString('latin1'));
    if (line !== null && this.#fault.kind === 'cut') this.#fault.tag = line[1] ?? '';
    if (line !== null && this.#fault.kind === 'hold' && this.#fault.holder === undefined) {
      this.#fault.holder = connection;
      server.write(bytes.subarray(0, line[0].length));
      if (bytes.length > line[0].length) held.push(bytes.subarray(line[0].length));
      return;
    }
    server.write(bytes);
  }

  #answered({ program }: Connection, bytes: Buffer): void {
    const { kind } = this.#fault;
    if (kind === 'cut' && this.#fault.tag !== undefined && bytes.toString('latin1').includes(`${this.#fault.tag} OK`)) {
      this.#fault = { kind: 'none' };
      program.destroy();
      return;
    }
    program.write(bytes);
  }
}

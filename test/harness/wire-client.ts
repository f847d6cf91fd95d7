/** A bare client of the wire protocol: sends frames, collects answers by request number. For tests of nodes and for load. */
import { type FrameSocket, invariant, type KeyPair, type SecureRandom } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import {
  type Address,
  authBytes,
  type ClientInfo,
  type ClientMessage,
  decodeNodeMessage,
  type Entry,
  encodeClientMessage,
  From,
  type HomeName,
  type NodeMessage,
  type Pdu,
  type Receipt,
  requestNumberOf,
  type ServerInfo,
} from '../../src/protocol/index.ts';
import type { Person } from './person.ts';

const suite = new SodiumSuite();

type Answer = Exclude<NodeMessage, { oneofKind: 'entries' }>;

const FOLLOW = {
  version: 1,
  from: From.BEGINNING,
  time: 0,
  ledger: [],
  client: 'test',
  headersOnly: false,
  newestFirst: false,
};

export class WireClient {
  readonly socket: FrameSocket;
  /** Entries by request number; 0 holds what was pushed. */
  readonly entries = new Map<number, Entry[]>();
  /** Fatal refusals and heads. */
  readonly unasked: NodeMessage[] = [];
  onEntries: ((request: number, entries: readonly Entry[]) => void) | undefined;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #info: Promise<ServerInfo>;
  readonly #reading: Promise<void>;
  #nextRequest = 1;
  #welcomed: ((answer: NodeMessage) => void) | undefined;

  constructor(socket: FrameSocket) {
    this.socket = socket;
    let informed: (info: ServerInfo) => void = () => {};
    this.#info = new Promise((resolve) => {
      informed = resolve;
    });
    this.#reading = this.#read(informed);
  }

  serverInfo(): Promise<ServerInfo> {
    return this.#info;
  }

  /** Resolves when the node has closed the connection. */
  async ended(): Promise<void> {
    await this.#reading;
  }

  async authenticate(random: SecureRandom, address: Address, key: KeyPair): Promise<NodeMessage> {
    const info = await this.#info;
    const clientNonce = random.bytes(32);
    const session = { home: info.home as HomeName, node: info.node, nodeNonce: info.nonce, clientNonce };
    const answer = new Promise<NodeMessage>((resolve) => {
      this.#welcomed = resolve;
    });
    const signature = suite.sign(authBytes(session, address), key.secretKey);
    await this.send({ oneofKind: 'auth', auth: { address, key: key.publicKey, nonce: clientNonce, signature } });
    return answer;
  }

  send(message: ClientMessage): Promise<void> {
    return this.socket.send(encodeClientMessage(message));
  }

  /** Sends what `make` makes of a fresh request number and waits for the answer that ends it. */
  async ask(make: (request: number) => ClientMessage): Promise<Answer> {
    const request = this.#nextRequest++;
    const answer = new Promise<Answer>((resolve) => this.#waiting.set(request, resolve));
    await this.send(make(request));
    return answer;
  }

  /** Asks for everything from the beginning, and for what comes from now on; or as `changes` say. */
  follow(changes: Partial<ClientInfo> = {}): Promise<Answer> {
    return this.ask((request) => ({ oneofKind: 'clientInfo', clientInfo: { ...FOLLOW, ...changes, request } }));
  }

  async submit(pdu: Pdu, body: Uint8Array | undefined): Promise<Receipt> {
    const answer = await this.ask((request) => ({
      oneofKind: 'submit',
      submit: { request, pdu: pdu.header, body: body ?? new Uint8Array(0), withBody: body !== undefined },
    }));
    invariant(answer.oneofKind === 'receipt', `a submit is answered by a receipt, not ${JSON.stringify(answer)}`);
    return answer.receipt;
  }

  register(person: Person, invite = ''): Promise<Answer> {
    return this.ask((request) => ({
      oneofKind: 'appendChain',
      appendChain: { request, document: person.document, vault: person.vault, invite },
    }));
  }

  close(): void {
    this.socket.terminate();
  }

  async #read(informed: (info: ServerInfo) => void): Promise<void> {
    for await (const frame of this.socket.incoming) {
      const message = decodeNodeMessage(frame);
      if (message.oneofKind === 'serverInfo') informed(message.serverInfo);
      else if (message.oneofKind === 'entries') this.#take(message.entries.request, message.entries.entries);
      else if (message.oneofKind === 'welcome') this.#welcomed?.(message);
      else this.#settle(message);
    }
  }

  #take(request: number, entries: readonly Entry[]): void {
    if (this.onEntries !== undefined) {
      this.onEntries(request, entries);
      return;
    }
    const held = this.entries.get(request) ?? [];
    held.push(...entries);
    this.entries.set(request, held);
  }

  #settle(message: Answer): void {
    const request = requestNumberOf(message);
    const waiting = this.#waiting.get(request);
    if (waiting !== undefined) {
      this.#waiting.delete(request);
      waiting(message);
      return;
    }
    this.unasked.push(message);
    if (message.oneofKind === 'refused') this.#welcomed?.(message);
  }
}

/** A peer that says exactly what a test makes it say, on the wire of Dat v6. */
import { createMemorySocketPair, type FrameSocket, SeededSecureRandom } from '../../src/base/index.ts';
import { createNobleStreamCipher, type FeedKeyPair, type PeerHandle, type Synchronizer } from '../../src/feed/index.ts';
import { type Inbound, type StreamCipher, type WireMessage, WireStream } from '../../src/feed/wire/index.ts';

export class ScriptedPeer {
  readonly handle: PeerHandle;
  /** What the synchronizer said so far. */
  readonly heard: WireMessage[] = [];
  /** Ours first. */
  readonly #ciphers: StreamCipher[] = [];
  readonly #wire = new WireStream({
    createCipher: (key, nonce) => {
      const cipher = createNobleStreamCipher(key, nonce);
      this.#ciphers.push(cipher);
      return cipher;
    },
    random: new SeededSecureRandom(77),
  });
  readonly #socket: FrameSocket;
  readonly #reading: Promise<void>;
  /** Called with each message that comes. */
  onMessage: (message: WireMessage) => void = () => {};

  private constructor(handle: PeerHandle, socket: FrameSocket) {
    this.handle = handle;
    this.#socket = socket;
    this.#reading = this.#read();
  }

  /** Connects to a synchronizer. */
  static connect(sync: Synchronizer): ScriptedPeer {
    const [near, far] = createMemorySocketPair();
    return new ScriptedPeer(sync.addPeer(far, { isInitiator: false }), near);
  }

  /** Opens the feed, and greets unless told not to. */
  async open(keys: FeedKeyPair, greets = true): Promise<void> {
    this.#wire.open({ publicKey: keys.publicKey, discoveryKey: keys.discoveryKey });
    if (greets)
      this.say({ type: 'handshake', id: undefined, live: true, userData: undefined, extensions: [], ack: false });
    await this.flush();
  }

  say(message: WireMessage, channel = 0): void {
    this.#wire.write(channel, message);
  }

  /** Sends what was said; what is refused since the connection ended is of no account. */
  async flush(): Promise<void> {
    await this.sendBytes(this.#wire.take());
  }

  async sendBytes(bytes: Uint8Array): Promise<void> {
    if (bytes.length > 0) await this.#socket.send(bytes).catch(() => undefined);
  }

  /** Takes what was said as bytes, to be sent by the test in its own way. */
  takeBytes(): Uint8Array {
    return this.#wire.take();
  }

  /** Sends bytes that no codec would write, as the other end will read them. After `open`, with nothing left to flush. */
  async sendRaw(plain: readonly number[]): Promise<void> {
    const bytes = Uint8Array.from(plain);
    this.#ciphers[0]?.apply(bytes);
    await this.sendBytes(bytes);
  }

  async end(): Promise<void> {
    this.#socket.terminate();
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const chunk of this.#socket.incoming) {
      const inbound: Inbound[] = [...this.#wire.receive(chunk)];
      for (const one of inbound) {
        if (one.kind !== 'message') continue;
        this.heard.push(one.message);
        this.onMessage(one.message);
      }
      await this.flush();
    }
  }
}

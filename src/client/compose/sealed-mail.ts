/** One PDU with its body: encrypted once, signed once, never changed again. */
import type { Clock, CryptoSuite, KeyPair } from '../../base/index.ts';
import {
  type Address,
  type Attached,
  bodyOf,
  type ConversationId,
  type ConversationNonce,
  deviceIdOf,
  type Pdu,
  type PduContent,
  type PduId,
  signPdu,
} from '../../protocol/index.ts';
import type { BodyWorker, Certificate } from '../../vault/index.ts';

export interface SealedMail {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

export interface PduWriterDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly vault: () => BodyWorker;
  /** Milliseconds to add to this device's clock for a mail's time; used for nothing else. */
  readonly serverTimeOffsetMs: () => number;
}

export interface PduWish {
  readonly type: 'mail' | 'note';
  readonly conversation: ConversationId;
  readonly recipients: readonly Address[];
  readonly certificates: readonly Certificate[];
  readonly prev: readonly PduId[];
  readonly depth: number;
  /** Of a mail that founds its conversation. */
  readonly nonce: ConversationNonce | undefined;
  readonly mime: Uint8Array;
  /** Large attachments, whose manifests are in `mime`. */
  readonly attached?: readonly Attached[];
}

/** A change of a conversation: in clear, for homes read it too. */
export interface ChangeWish {
  readonly type: 'member' | 'state';
  readonly stateKey: string;
  readonly conversation: ConversationId;
  readonly recipients: readonly Address[];
  readonly prev: readonly PduId[];
  readonly depth: number;
  readonly body: Uint8Array;
}

export class PduWriter {
  readonly #deps: PduWriterDeps;
  readonly #author: Address;
  readonly #device: KeyPair;

  constructor(deps: PduWriterDeps, options: { readonly author: Address; readonly device: KeyPair }) {
    this.#deps = deps;
    this.#author = options.author;
    this.#device = options.device;
  }

  get author(): Address {
    return this.#author;
  }

  /** Milliseconds since 1970 as a mail says them. */
  now(): number {
    return Math.max(0, Math.floor(this.#deps.clock.now() + this.#deps.serverTimeOffsetMs()));
  }

  /** Throws VaultError `too_large` or `unusable_certificate`. */
  async write(wish: PduWish, signal?: AbortSignal): Promise<SealedMail> {
    const { vault } = this.#deps;
    const { type, conversation, recipients, prev, depth, nonce } = wish;
    const head = { type, conversation, author: this.#author, recipients, time: this.now() };
    const body = await vault().seal({ mime: wish.mime, certificates: wish.certificates, binding: head }, signal);
    const { attached = [] } = wish;
    const optional = { ...(nonce === undefined ? {} : { nonce }), ...(attached.length === 0 ? {} : { attached }) };
    return this.#sign({ ...head, depth, prev, ...optional }, body);
  }

  writeChange({ body, ...head }: ChangeWish): SealedMail {
    return this.#sign({ ...head, author: this.#author, time: this.now() }, body);
  }

  #sign(head: Omit<PduContent, 'device' | 'body'>, body: Uint8Array): SealedMail {
    const { suite } = this.#deps;
    const content = { ...head, device: deviceIdOf(suite, this.#device.publicKey), body: bodyOf(suite, body) };
    return { pdu: signPdu(suite, content, this.#device.secretKey), body };
  }
}

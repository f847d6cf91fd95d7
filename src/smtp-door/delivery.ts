/**
 * From a message in memory to an entry of the log. Each recipient gets a PDU of their own, encrypted to them alone, so that
 * nobody learns from a header who else the envelope named. What is not encrypted is never stored, nor logged.
 *
 * SMTP answers once for all recipients. When one of them cannot have it now, those behind them get it all the same; the sender
 * is asked to come again, and those who have it are remembered, so that they do not get it twice.
 */
import {
  type Clock,
  type CryptoSuite,
  concatBytes,
  createBoundedCache,
  type KeyPair,
  type Log,
  type SecureRandom,
  utf8,
} from '../base/index.ts';
import type { Doorway, Submission } from '../node/index.ts';
import {
  type Address,
  type Attached,
  attachedOf,
  bodyOf,
  createConversation,
  deviceIdOf,
  type Manifest,
  signPdu,
} from '../protocol/index.ts';
import { CertificateCache, encryptBody, VaultError } from '../vault/public.ts';
import { type PartedMessage, partMessage } from './large-mail/parting.ts';
import { sealContent } from './large-mail/sealing.ts';
import { LETTER_BYTES_MAX, UNFINISHED_REMEMBERED } from './limits.ts';
import { REFUSALS, type Refusal } from './reply.ts';

/** The door's own account: by its device it signs that something came, not who wrote it. */
export interface DoorKeys {
  readonly address: Address;
  readonly device: KeyPair;
}

export interface DeliveryDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  /** Asked each time, since a node may be opened anew. */
  readonly doorway: () => Pick<Doorway, 'admits' | 'bring' | 'certificate' | 'submit'>;
}

export interface Mail {
  readonly sender: string;
  readonly recipients: readonly Address[];
  /** As it came. */
  readonly message: Uint8Array;
  /** What stands above it in the copy of this recipient. */
  readonly traceFor: (recipient: Address) => Uint8Array;
}

/** What goes into the body for each recipient, below the trace, and what beside it. */
interface Letter {
  readonly mime: Uint8Array;
  readonly attached: readonly Attached[];
}

/** Of a text that some of its recipients have, of all transactions that it came by. */
interface Unfinished {
  readonly have: ReadonlySet<Address>;
  /** Of what is beside it, which is on disk. */
  readonly manifests: readonly Manifest[];
}

/** Of what goes beside a message. */
interface Brought {
  readonly manifests: readonly Manifest[];
  /** Those who have no room for it, or are nobody. */
  readonly refusals: ReadonlyMap<Address, Refusal>;
}

const NOBODY_REFUSED: ReadonlyMap<Address, Refusal> = new Map();

export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #keys: DoorKeys;
  readonly #certificates = new CertificateCache();
  readonly #unfinished = createBoundedCache<string, Unfinished>(UNFINISHED_REMEMBERED);

  constructor(deps: DeliveryDeps, keys: DoorKeys) {
    this.#deps = deps;
    this.#keys = keys;
  }

  /** Undefined: all recipients have it, on disk. */
  async deliver(mail: Mail): Promise<Refusal | undefined> {
    const { message, recipients, sender } = mail;
    const name = this.#deps.suite.sha256Hex(concatBytes(utf8(`${sender}\n`), this.#deps.suite.sha256(message)));
    const unfinished = this.#unfinished.get(name);
    // Of these recipients: others may have the same text by a transaction of their own.
    const have = new Set(recipients.filter((recipient) => unfinished?.have.has(recipient)));
    const left = recipients.filter((recipient) => !have.has(recipient));
    const parted = partMessage(asBuffer(message), LETTER_BYTES_MAX);
    const brought =
      unfinished === undefined
        ? await this.#bring(parted, message.length, left)
        : { manifests: unfinished.manifests, refusals: NOBODY_REFUSED };
    if ('code' in brought) return brought;
    const { manifests, refusals } = brought;
    const letter = { mime: parted.rest(manifests), attached: manifests.map(attachedOf) };
    let first: Refusal | undefined;
    for (const recipient of left) {
      const refusal = refusals.get(recipient) ?? (await this.#deliverTo(recipient, letter, mail.traceFor(recipient)));
      if (refusal === undefined) have.add(recipient);
      // For good, while none waits and none has it: it is returned as a whole.
      else if (refusal.code >= 500 && first === undefined && have.size === 0) return refusal;
      else first ??= refusal;
    }
    if (first !== undefined && have.size === 0) return first;
    // As it is now: another transaction of this text may have ended meanwhile.
    const known = this.#unfinished.get(name)?.have ?? [];
    if (first === undefined) {
      this.#remember(name, { have: new Set([...known].filter((other) => !recipients.includes(other))), manifests });
      return undefined;
    }
    this.#remember(name, { have: new Set([...known, ...have]), manifests });
    return REFUSALS.notForAll;
  }

  #remember(name: string, unfinished: Unfinished): void {
    if (unfinished.have.size === 0) this.#unfinished.delete(name);
    else this.#unfinished.set(name, unfinished);
  }

  /** What is too large for a body, encrypted and on disk once for all recipients, of whom one at least must have room for it. */
  async #bring(
    { contents }: PartedMessage,
    sizeBytes: number,
    recipients: readonly Address[],
  ): Promise<Brought | Refusal> {
    if (contents.length === 0) return { manifests: [], refusals: NOBODY_REFUSED };
    const { doorway, log } = this.#deps;
    const refusals = new Map<Address, Refusal>();
    for (const recipient of recipients) {
      const admission = await doorway().admits(recipient, sizeBytes);
      if (admission === 'no_room') return REFUSALS.noRoom;
      if (admission === 'uncertain') refusals.set(recipient, REFUSALS.uncertain);
      else if (admission !== 'ok')
        refusals.set(recipient, admission === 'over_quota' ? REFUSALS.full : REFUSALS.nobody);
    }
    const [first] = refusals.values();
    if (first !== undefined && refusals.size === recipients.length) return first;
    const put = async (list: Uint8Array, number: number, body: Uint8Array): Promise<boolean> => {
      const { status } = await doorway().bring(this.#keys.address, { list, number, body });
      return status === 'ok' || status === 'duplicate' || status === 'pending';
    };
    const manifests: Manifest[] = [];
    try {
      for (const content of contents) {
        const manifest = await sealContent({ ...this.#deps, put }, content);
        if (manifest === undefined) return REFUSALS.notNow;
        manifests.push(manifest);
      }
    } catch (error) {
      log.error({ error }, 'what is large in a mail from outside could not be stored');
      return REFUSALS.notNow;
    }
    return { manifests, refusals };
  }

  async #deliverTo(recipient: Address, { attached, mime }: Letter, trace: Uint8Array): Promise<Refusal | undefined> {
    const { doorway, log } = this.#deps;
    try {
      const certificate = await doorway().certificate(recipient);
      if (certificate === undefined) return REFUSALS.nobody;
      const body = await this.#encrypt(concatBytes(trace, mime), certificate);
      const header = this.#sign(recipient, body, attached);
      return refusalOf(await doorway().submit(this.#keys.address, header, body));
    } catch (error) {
      if (error instanceof VaultError && error.code === 'too_large') return REFUSALS.tooLarge;
      log.error({ error }, 'a mail from outside could not be delivered');
      return error instanceof VaultError ? REFUSALS.unencryptable : REFUSALS.notNow;
    }
  }

  async #encrypt(mime: Uint8Array, certificate: Uint8Array): Promise<Uint8Array> {
    const certificates = [await this.#certificates.parse(certificate)];
    return encryptBody(this.#deps, { mime, certificates });
  }

  /** A conversation of its own: what a mail from outside belongs to stands in its text, which the home does not keep. */
  #sign(recipient: Address, body: Uint8Array, attached: readonly Attached[]): Uint8Array {
    const { clock, suite } = this.#deps;
    const { address, device } = this.#keys;
    const content = {
      ...createConversation(this.#deps, address),
      type: 'mail',
      author: address,
      device: deviceIdOf(suite, device.publicKey),
      depth: 1,
      prev: [],
      recipients: [recipient],
      time: Math.floor(clock.now()),
      body: bodyOf(suite, body),
      ...(attached.length === 0 ? {} : { attached }),
    } as const;
    return signPdu(suite, content, device.secretKey).header;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refusalOf(submission: Submission): Refusal | undefined {
  switch (submission.status) {
    case 'ok':
    case 'duplicate':
    // On this node's disk; the other nodes that a receipt would wait for get it as they get everything.
    case 'pending':
      return undefined;
    case 'over_quota':
      return REFUSALS.full;
    case 'unknown_recipient':
      return REFUSALS.nobody;
    case 'too_large':
      return REFUSALS.tooLarge;
    case 'unavailable':
      return submission.why === 'no_room' ? REFUSALS.noRoom : REFUSALS.notNow;
    case 'rate_limited':
    case 'rejected':
    case 'send_body':
    case 'send_blobs':
      return REFUSALS.notNow;
  }
}

/**
 * From a message in memory to an entry of the log. Each recipient gets a PDU of their own, encrypted to them alone, so that
 * nobody learns from a header who else the envelope named. What is not encrypted is never stored, nor logged.
 *
 * SMTP answers once for all recipients. When one of them cannot have it now and others have it already, the sender is asked
 * to come again, and those who have it are remembered, so that they do not get it twice.
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
import { type Address, bodyOf, createConversation, deviceIdOf, signPdu } from '../protocol/index.ts';
import { CertificateCache, encryptBody, VaultError } from '../vault/public.ts';
import { UNFINISHED_REMEMBERED } from './limits.ts';
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
  readonly doorway: () => Pick<Doorway, 'admits' | 'certificate' | 'submit'>;
}

export interface Mail {
  readonly sender: string;
  readonly recipients: readonly Address[];
  /** As it came. */
  readonly message: Uint8Array;
  /** What stands above it in the copy of this recipient. */
  readonly traceFor: (recipient: Address) => Uint8Array;
}

export class Delivery {
  readonly #deps: DeliveryDeps;
  readonly #keys: DoorKeys;
  readonly #certificates = new CertificateCache();
  readonly #unfinished = createBoundedCache<string, ReadonlySet<Address>>(UNFINISHED_REMEMBERED);

  constructor(deps: DeliveryDeps, keys: DoorKeys) {
    this.#deps = deps;
    this.#keys = keys;
  }

  /** Undefined: all recipients have it, on disk. */
  async deliver(mail: Mail): Promise<Refusal | undefined> {
    const name = this.#deps.suite.sha256Hex(concatBytes(utf8(`${mail.sender}\n`), mail.message));
    const have = new Set(this.#unfinished.get(name));
    for (const recipient of mail.recipients) {
      if (have.has(recipient)) continue;
      const refusal = await this.#deliverTo(recipient, mail);
      if (refusal !== undefined && have.size === 0) return refusal;
      if (refusal !== undefined) {
        this.#unfinished.set(name, have);
        return REFUSALS.notForAll;
      }
      have.add(recipient);
    }
    this.#unfinished.delete(name);
    return undefined;
  }

  async #deliverTo(recipient: Address, { message, traceFor }: Mail): Promise<Refusal | undefined> {
    const { doorway, log } = this.#deps;
    try {
      const certificate = await doorway().certificate(recipient);
      if (certificate === undefined) return REFUSALS.nobody;
      const body = await this.#encrypt(concatBytes(traceFor(recipient), message), certificate);
      return refusalOf(await doorway().submit(this.#keys.address, this.#sign(recipient, body), body));
    } catch (error) {
      if (error instanceof VaultError && error.code === 'too_large') return REFUSALS.tooLarge;
      log.error({ error, recipient }, 'a mail from outside could not be delivered');
      return error instanceof VaultError ? REFUSALS.unencryptable : REFUSALS.notNow;
    }
  }

  async #encrypt(mime: Uint8Array, certificate: Uint8Array): Promise<Uint8Array> {
    const certificates = [await this.#certificates.parse(certificate)];
    return encryptBody(this.#deps, { mime, certificates });
  }

  /** A conversation of its own: what a mail from outside belongs to stands in its text, which the home does not keep. */
  #sign(recipient: Address, body: Uint8Array): Uint8Array {
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
    } as const;
    return signPdu(suite, content, device.secretKey).header;
  }
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
    case 'rate_limited':
    case 'unavailable':
    case 'rejected':
    case 'send_body':
    case 'send_blobs':
      return REFUSALS.notNow;
  }
}

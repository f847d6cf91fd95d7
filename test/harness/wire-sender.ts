/** A sender that speaks the wire protocol and knows of every PDU whether it was acknowledged: for tests that kill the node. */
import { setTimeout as pause } from 'node:timers/promises';
import { invariant, type Prng, type SecureRandom } from '../../src/base/index.ts';
import { type Address, type Pdu, type PduId, ReceiptStatus } from '../../src/protocol/index.ts';
import { type Person, writePdu } from './person.ts';
import type { WireClient } from './wire-client.ts';

const IN_FLIGHT = 8;
/** Between a receipt and the next submit: after each of hundreds of kills the whole log is verified, so it must not grow fast. */
const PAUSE_MS = 100;
/** One in so many bodies is kept by the node as a file. */
const LARGE_EVERY = 20;
const LARGE_BYTES = 70_000;

interface Mail {
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

export interface WireSenderDeps {
  readonly random: SecureRandom;
  readonly prng: Prng;
  readonly connect: () => Promise<WireClient>;
}

export class WireSender {
  readonly acknowledged = new Set<PduId>();
  readonly #unanswered = new Set<Mail>();
  readonly #deps: WireSenderDeps;
  readonly #person: Person;
  readonly #to: Address;

  constructor(deps: WireSenderDeps, person: Person, to: Address) {
    this.#deps = deps;
    this.#person = person;
    this.#to = to;
  }

  async sendUntilCut(): Promise<void> {
    const { connect, random } = this.#deps;
    // The kill may come while the connection is made: then nothing was sent this time.
    const client = await connect().catch(() => undefined);
    if (client === undefined) return;
    const sending = client
      .authenticate(random, this.#person.address, this.#person.device)
      .then(() => Promise.all(Array.from({ length: IN_FLIGHT }, () => this.#lane(client))));
    sending.catch(() => undefined); // the cut is what this is about
    await client.ended();
  }

  /** Submits again what never had an answer. */
  async resubmit(): Promise<void> {
    const client = await this.#deps.connect();
    await client.authenticate(this.#deps.random, this.#person.address, this.#person.device);
    for (const { pdu, body } of this.#unanswered) {
      const { status } = await client.submit(pdu, body);
      invariant(status === ReceiptStatus.OK || status === ReceiptStatus.DUPLICATE, `a second submit got ${status}`);
      this.acknowledged.add(pdu.id);
    }
    client.close();
  }

  async #lane(client: WireClient): Promise<void> {
    const { prng, random } = this.#deps;
    for (;;) {
      const body = random.bytes(prng.below(LARGE_EVERY) === 0 ? LARGE_BYTES : 200 + prng.below(2_000));
      const mail = { pdu: writePdu(random, this.#person, [this.#to], body), body };
      this.#unanswered.add(mail);
      const receipt = await client.submit(mail.pdu, mail.body);
      if (receipt.status !== ReceiptStatus.OK) return;
      this.acknowledged.add(mail.pdu.id);
      this.#unanswered.delete(mail);
      await pause(PAUSE_MS);
    }
  }
}

/** Somebody at a home that runs, who writes real mail by the wire: sealed to its readers, signed, with a certificate of their own. */
import { type SecureRandom, SILENT_LOG } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { encodeMime } from '../../src/client/compose/mime-message.ts';
import { PduWriter, type SealedMail } from '../../src/client/compose/sealed-mail.ts';
import { createAccount } from '../../src/client/index.ts';
import {
  type Address,
  createConversation,
  FRAME_BYTES_MAX,
  homeOf,
  parseAccountDocument,
} from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/index.ts';
import { type Certificate, InThreadBodyWorker, parseCertificate } from '../../src/vault/index.ts';
import type { WireClient } from './wire-client.ts';

const clock = new SystemClock();
const suite = new SodiumSuite();
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 20_000, allowPrivate: true },
);

export class LiveAuthor {
  readonly address: Address;
  /** What the device signs with, and proves itself by. */
  readonly device: Awaited<ReturnType<typeof createAccount>>['profile']['device'];
  readonly #writer: PduWriter;
  readonly #certificates: readonly Certificate[];
  readonly #readers: readonly Address[];
  #count = 0;

  private constructor(
    profile: Awaited<ReturnType<typeof createAccount>>['profile'],
    readers: readonly Address[],
    certificates: readonly Certificate[],
  ) {
    const { address, device, secrets } = profile;
    const worker = new InThreadBodyWorker({ clock, random: new SystemRandom() }, { secrets });
    this.address = address;
    this.device = device;
    this.#readers = readers;
    this.#certificates = certificates;
    this.#writer = new PduWriter(
      { clock, suite, vault: () => worker, serverTimeOffsetMs: () => 0 },
      { author: address, device },
    );
  }

  /** `readers`: whom all mail is addressed to; sealed to those who have a certificate. */
  static async open(
    nodeUrl: string,
    address: Address,
    password: string,
    wire: WireClient,
    readers: readonly Address[],
  ) {
    const deps = { clock, suite, dialer, random: new SystemRandom(), log: SILENT_LOG, store: new MemoryStore() };
    const options = { address, nodeUrl, password, invite: '', deviceName: 'author' };
    const { profile } = await createAccount(deps, options, new AbortController().signal);
    await wire.authenticate(deps.random, address, profile.device);
    const certificates: Certificate[] = [];
    for (const reader of readers) {
      const answer = await wire.ask((request) => ({
        oneofKind: 'getChain',
        getChain: { request, address: reader, after: 0 },
      }));
      if (answer.oneofKind !== 'chain') throw new Error(`no chain of ${reader}: ${answer.oneofKind}`);
      const [first] = answer.chain.documents.map((document) => parseAccountDocument(suite, document));
      for (const certificate of first?.certificates ?? []) certificates.push(await parseCertificate(certificate));
    }
    return new LiveAuthor(profile, readers, certificates);
  }

  /** The subject is "mail 1", "mail 2" … */
  async write(random: SecureRandom, textBytes: number): Promise<SealedMail> {
    this.#count += 1;
    const mailbox = (address: Address) => ({ address });
    const mime = encodeMime(
      {
        from: mailbox(this.address),
        to: this.#readers.map(mailbox),
        cc: [],
        bcc: [],
        subject: `mail ${this.#count}`,
        text: 'x'.repeat(textBytes),
        attachments: [],
        messageId: `<${this.#count}@${homeOf(this.address)}>`,
        references: [],
        date: clock.now(),
      },
      random.bytes(16),
    );
    return this.#writer.write({
      type: 'mail',
      ...createConversation({ suite, random }, this.address),
      recipients: this.#readers,
      certificates: this.#certificates,
      prev: [],
      depth: 1,
      mime,
    });
  }
}

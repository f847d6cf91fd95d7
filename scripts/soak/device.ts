/** A person's device: the client library in this process, with what it keeps in memory. */
import { SeededPrng, SILENT_LOG } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../../src/base/system/index.ts';
import { Client, createAccount, type DeviceProfile, joinAccount } from '../../src/client/index.ts';
import { type Address, type ConversationId, FRAME_BYTES_MAX, type PduId } from '../../src/protocol/index.ts';
import { MemoryStore } from '../../src/store/index.ts';
import { InThreadBodyWorker } from '../../src/vault/index.ts';
import type { Canary } from './canary.ts';
import type { MailBook } from './mail-book.ts';

const clock = new SystemClock();
const random = new SystemRandom();
const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 10_000, allowPrivate: true },
);
export const deps = { clock, random, dialer, suite: new SodiumSuite(), log: SILENT_LOG };
const never = new AbortController().signal;

export interface DeviceOptions {
  readonly address: Address;
  /** `laptop`. */
  readonly device: string;
  readonly nodeUrl: string;
  readonly canary: Canary;
  readonly book: MailBook;
}

export class Device implements AsyncDisposable {
  /** `ada's laptop`. */
  readonly name: string;
  readonly address: Address;
  readonly client: Client;
  readonly profile: DeviceProfile;
  /** Of the mail that arrived last; the newest is the last. */
  readonly arrivals: { readonly id: PduId; readonly conversation: ConversationId }[] = [];

  private constructor(client: Client, profile: DeviceProfile, { address, book, canary, device }: DeviceOptions) {
    this.client = client;
    this.profile = profile;
    this.address = address;
    this.name = `${address.split('@')[0]}'s ${device}`;
    book.addPlace(this);
    client.events.on('outbox', ({ id, outcome }) => {
      if (outcome.status !== 'refused') book.acknowledged(id);
    });
    client.events.on('delivery', ({ home, pdu, status }) => {
      if (status === 'refused') book.refusedAbroad(pdu, home);
    });
    client.events.on('arrived', ({ conversation, id, subject }) => {
      const number = canary.numberIn(subject);
      this.arrivals.push({ id, conversation });
      if (number !== undefined) book.saw(this, number, id);
      if (number === undefined || book.letters.get(number)?.author === address) void this.#look(id, number, book);
    });
  }

  /** The person's first: makes the account. */
  static create(options: DeviceOptions): Promise<Device> {
    return Device.#open(options, async (setup, where) => {
      const { profile } = await createAccount(setup, { ...where, invite: '' }, never);
      return profile;
    });
  }

  static join(options: DeviceOptions): Promise<Device> {
    return Device.#open(options, async (setup, where) => (await joinAccount(setup, where, never)).profile);
  }

  static async #open(
    options: DeviceOptions,
    enrol: (
      setup: typeof deps & { readonly store: MemoryStore },
      where: { address: Address; nodeUrl: string; deviceName: string; password: string },
    ) => Promise<DeviceProfile>,
  ): Promise<Device> {
    const { address, canary, device, nodeUrl } = options;
    const store = new MemoryStore();
    const profile = await enrol(
      { ...deps, store },
      { address, nodeUrl, deviceName: device, password: canary.password },
    );
    const client = await Client.open(
      {
        ...deps,
        store,
        prng: new SeededPrng(options.book.letters.size + device.length),
        openVault: async (secrets) => new InThreadBodyWorker({ clock, random }, { secrets }),
        saveProfile: async () => undefined, // nobody rotates a key here
      },
      { profile, nodeUrl, autoConnect: true },
    );
    return new Device(client, profile, options);
  }

  /** What the header of an own mail says, and why a mail that is nobody's says nothing. */
  async #look(id: PduId, number: number | undefined, book: MailBook): Promise<void> {
    const summary = await this.client.mail.find(id);
    if (number === undefined)
      book.strange(
        this,
        `${id} of ${summary?.author}: ${summary?.problem ?? summary?.subject}; ${await this.#again(id)}`,
      );
    else book.addressed(number, summary?.recipients ?? []);
  }

  /** Whether what could not be opened once can be opened now: then the bytes are right, and what opened them was not. */
  async #again(id: PduId): Promise<string> {
    try {
      return `it opens now, ${(await this.client.mail.raw(id)).mime.length} bytes`;
    } catch (error) {
      const { cause, message } = error as Error;
      return `it does not open now either: ${message}; ${String(cause)}`;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}

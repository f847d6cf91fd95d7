/** A home that speaks in its own name and says what its program never would, beside two that share a conversation. */
import { expect } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { SodiumSuite, SystemRandom, SystemResolver, UndiciDialer } from '../../src/base/system/index.ts';
import { FederationError, type Messaging } from '../../src/federation/index.ts';
import { HttpLink } from '../../src/federation/transport/index.ts';
import {
  decodeAnswer,
  encodeTransaction,
  type FeedId,
  type HomeName,
  ItemStatus,
  ReceiptStatus,
} from '../../src/protocol/index.ts';
import { LiveFederation, type LiveFederationHome } from './live-federation.ts';
import type { Person } from './person.ts';
import { type Said, Thread } from './thread.ts';

const suite = new SodiumSuite();
const random = new SystemRandom();
const never = new AbortController().signal;
const HOUR = 3_600_000;

/** Speaks in the name of a home, with its key, and says what the home's own program would not. */
export class Forger {
  readonly link: HttpLink;
  readonly #home: LiveFederationHome;
  readonly #feed: FeedId;
  /** Numbers are counted for each destination. */
  readonly #next = new Map<HomeName, number>();

  constructor(federation: LiveFederation, home: LiveFederationHome) {
    this.#home = home;
    this.#feed = home.core.feeds.current.id;
    const { folder } = home.core;
    const messaging = messagingOf(home);
    const dialer = new UndiciDialer(
      { clock: federation.clock, resolver: new SystemResolver() },
      { allowPrivate: true },
    );
    this.link = new HttpLink(
      { dialer, directory: messaging.directory, suite },
      { home: home.home, signer: { node: folder.config.node, secretKey: folder.nodeKey.secretKey } },
    );
  }

  /** A transaction as it would travel, with the next numbers. */
  transaction(
    to: LiveFederationHome,
    said: readonly Partial<Said>[],
  ): { readonly txn: string; readonly body: Uint8Array } {
    const first = this.#next.get(to.home) ?? 1;
    const last = first + said.length - 1;
    this.#next.set(to.home, last + 1);
    const items = said.map(({ pdu, body }) => ({
      pdu: pdu?.header ?? utf8('no PDU at all'),
      body: body ?? new Uint8Array(0),
      hasBody: body !== undefined,
      isOwed: false,
    }));
    const body = encodeTransaction({
      origin: this.#home.home,
      destination: to.home,
      feed: Uint8Array.from(Buffer.from(this.#feed, 'hex')),
      first,
      items,
      edus: [],
      reach: [],
    });
    return { txn: `${this.#feed}.${first}.${last}.0`, body };
  }

  /** What becomes of each: `ok`, or the code of its refusal. */
  async send(to: LiveFederationHome, said: readonly Partial<Said>[]): Promise<readonly string[]> {
    const { txn, body } = this.transaction(to, said);
    const { results } = decodeAnswer(await this.link.send(to.home, txn, body, never));
    return results.map(({ status, code }) => (code === '' ? (ItemStatus[status] ?? '').toLowerCase() : code));
  }
}

/** A and B hold a thread of alice and bob; mallory's home M has nobody in it. */
export async function openHostileWorld() {
  const federation = new LiveFederation();
  const [a, b, m] = [await federation.add(), await federation.add(), await federation.add()];
  const [alice, bob, mallory] = [await a.person('alice'), await b.person('bob'), await m.person('mallory')];
  const thread = new Thread(random, alice);
  const founded = thread.found(alice, [bob.address]);
  await submit(a, alice, founded);
  expect(await federation.until(async () => (await b.mailCount(bob)) === 1, HOUR)).toBe(true);
  return {
    federation,
    ...{ a, b, m, alice, bob, mallory, thread, founded },
    forger: new Forger(federation, m),
    everybody: [alice.address, bob.address, mallory.address],
    /** What B holds and believes. */
    async state(): Promise<string> {
      const fold = await b.core.conversations.get(thread.conversation);
      const members = [...fold.state.members].map(([address, { role }]) => `${address} ${role}`);
      return [...fold.order, ...fold.waiting, ...members, ...(await b.mailbox(bob))].join('\n');
    },
    [Symbol.asyncDispose]: () => federation[Symbol.asyncDispose](),
  };
}

export function messagingOf({ core }: LiveFederationHome): Messaging {
  if (core.messaging === undefined) throw new Error('the home speaks with no other');
  return core.messaging;
}

export async function submit(home: LiveFederationHome, person: Person, { pdu, body }: Said): Promise<void> {
  const client = await home.signIn(person);
  expect(await client.submit(pdu, body)).toMatchObject({ status: ReceiptStatus.OK });
  client.close();
}

/** Of the refusal. */
export async function codeOf(asked: Promise<unknown>): Promise<string> {
  const error = await asked.then(
    () => new Error('not refused'),
    (failure: unknown) => failure,
  );
  return error instanceof FederationError ? error.code : String(error);
}

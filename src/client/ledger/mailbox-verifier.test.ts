import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type CryptoSuite, type KeyPair, SeededPrng, toBase64, toHex } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { FIRST_LINK, headBytes, linkOf, parseAddress, parseFeedId, parsePduId } from '../../protocol/index.ts';
import type { HeadClaim, MailboxAlarm } from './alarm.ts';
import { IntervalSet } from './interval-set.ts';
import { LedgerError } from './ledger-error.ts';
import {
  acceptHead,
  checkAnswer,
  checkRun,
  compareHeld,
  createVerifiedMailbox,
  type ServedEntry,
  type VerifiedMailbox,
  wantsHeldLink,
} from './mailbox-verifier.ts';
import { decodeVerifiedMailbox, encodeVerifiedMailbox } from './verifier-codec.ts';

const suite = new SodiumSuite();
const ALICE = parseAddress('alice@home.example');
const FEED = parseFeedId('cd'.repeat(32));
const A = suite.keyPair(new Uint8Array(32).fill(1));
const B = suite.keyPair(new Uint8Array(32).fill(2));
const [KEY_A, KEY_B] = [toBase64(A.publicKey), toBase64(B.publicKey)];

/** A mailbox of `count` entries; from `forkAt` on, another one. */
class History {
  readonly entries: ServedEntry[] = [];
  readonly links: Uint8Array[] = [FIRST_LINK];
  readonly #heads = new Map<string, HeadClaim>();

  constructor(count: number, forkAt = Number.POSITIVE_INFINITY) {
    for (let number = 1; number <= count; number++) {
      const prng = new SeededPrng(number + (number >= forkAt ? 1_000_000 : 0));
      const pduId = parsePduId(toHex(Uint8Array.from({ length: 32 }, () => prng.below(256))));
      const previousLink = this.links[number - 1] as Uint8Array;
      const entry = { number, index: 3 * number, receivedAt: 1_800_000_000_000_000 + number, pduId, previousLink };
      this.entries.push(entry);
      this.links.push(linkOf(suite, previousLink, entry));
    }
  }

  run(from: number, to: number): ServedEntry[] {
    return this.entries.slice(from - 1, to);
  }

  /** Signed once: signing is slow here. */
  head(number: number, signer: KeyPair = A): HeadClaim {
    const node = toBase64(signer.publicKey);
    const known = this.#heads.get(`${number} ${node}`);
    if (known !== undefined) return known;
    const head = { number, link: this.links[number] as Uint8Array, expiredTo: 0, retired: false };
    const signature = suite.sign(headBytes(ALICE, { ...head, feed: FEED }), signer.secretKey);
    const claim = { ...head, node, signature };
    this.#heads.set(`${number} ${node}`, claim);
    return claim;
  }
}

const HONEST = new History(60);

/** What a client knows, and the alarms so far. */
class Follower {
  mailbox: VerifiedMailbox = createVerifiedMailbox(ALICE, FEED);
  readonly alarms: MailboxAlarm[] = [];
  accepted: number[] = [];

  hear(claim: HeadClaim): this {
    const stored = HONEST.links[claim.number];
    const verdict = acceptHead(
      suite,
      this.mailbox,
      claim,
      wantsHeldLink(this.mailbox, claim.number) ? stored : undefined,
    );
    this.mailbox = verdict.mailbox;
    this.alarms.push(...verdict.alarms);
    return this;
  }

  read(entries: readonly ServedEntry[], node = KEY_A): this {
    const verdict = checkRun(suite, this.mailbox, node, entries);
    this.mailbox = verdict.mailbox;
    this.alarms.push(...verdict.alarms);
    this.accepted.push(...verdict.accepted.map((entry) => entry.number));
    return this;
  }

  get codes(): string[] {
    return this.alarms.map((alarm) => alarm.code);
  }

  get walked(): (readonly [number, number])[] {
    return this.mailbox.stretches.map(({ from, to }) => [from, to] as const);
  }
}

function descending(entries: readonly ServedEntry[]): ServedEntry[] {
  return [...entries].reverse();
}

describe('an honest node', () => {
  test('is followed newest first, oldest first and live, until one stretch is left', () => {
    const follower = new Follower().hear(HONEST.head(40)).read(descending(HONEST.run(31, 40)));
    expect(follower.walked).toEqual([[31, 40]]);
    follower.read(HONEST.run(1, 10)).hear(HONEST.head(42)).read(HONEST.run(41, 42));
    expect(follower.walked).toEqual([
      [1, 10],
      [31, 42],
    ]);
    follower.read(descending(HONEST.run(11, 30)));
    expect(follower.walked).toEqual([[1, 42]]);
    expect(follower.alarms).toEqual([]);
  });

  test('raises no alarm, whatever the order of heads and pages and with another node beside it', () => {
    const page = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 9 }), fc.boolean(), fc.boolean());
    fc.assert(
      fc.property(fc.array(page, { maxLength: 40 }), (pages) => {
        const follower = new Follower().hear(HONEST.head(20)).hear(HONEST.head(13, B));
        let head = 20;
        for (const [from, size, newestFirst, raise] of pages) {
          if (raise && head < 60) follower.hear(HONEST.head(++head));
          const run = HONEST.run(from, Math.min(head, from + size));
          follower.read(newestFirst ? descending(run) : run);
        }
        follower.read(descending(HONEST.run(1, head)), KEY_B);
        expect(follower.alarms).toEqual([]);
        expect(follower.walked).toEqual([[1, head]]);
        expect(new Set(follower.accepted).size).toBe(follower.accepted.length);
      }),
      { numRuns: 200 },
    );
  });

  test('whose entries border on nothing known is asked again, not believed', () => {
    const follower = new Follower().hear(HONEST.head(40));
    const verdict = checkRun(suite, follower.mailbox, KEY_A, HONEST.run(20, 22));
    expect(verdict).toMatchObject({ accepted: [], alarms: [] });
    expect(verdict.unanchored).toHaveLength(3);
  });

  test('costs one hash an entry', () => {
    let hashes = 0;
    const counting: CryptoSuite = {
      blake2b: (...parts) => suite.blake2b(...parts),
      blake2bKeyed: (key, message) => suite.blake2bKeyed(key, message),
      argon2id: (password, salt, cost) => suite.argon2id(password, salt, cost),
      createSha256: () => suite.createSha256(),
      keyPair: (seed) => suite.keyPair(seed),
      sign: (message, key) => suite.sign(message, key),
      verify: (signature, message, key) => suite.verify(signature, message, key),
      sha256: (...parts) => {
        hashes++;
        return suite.sha256(...parts);
      },
      sha256Hex: (bytes) => {
        hashes++;
        return suite.sha256Hex(bytes);
      },
    };
    checkRun(counting, new Follower().hear(HONEST.head(60)).mailbox, KEY_A, descending(HONEST.run(1, 60)));
    expect(hashes).toBe(60);
  });
});

describe('a node that cheats is named', () => {
  test('withheld: a number under its own head does not come', () => {
    const follower = new Follower().hear(HONEST.head(40));
    const got = IntervalSet.of([30, 34], [37, 40]);
    const [alarm] = checkAnswer(follower.mailbox, KEY_A, [30, 99], got);
    expect(alarm).toMatchObject({ code: 'withheld', node: KEY_A, missing: [[35, 36]], head: { number: 40 } });
    expect(checkAnswer(follower.mailbox, KEY_A, [30, 99], IntervalSet.of([30, 40]))).toEqual([]);
    expect(checkAnswer(follower.mailbox, KEY_B, [30, 99], got)).toEqual([]);
    expect(checkAnswer(follower.mailbox, KEY_A, [41, 99], IntervalSet.EMPTY)).toEqual([]);
  });

  test('wrong_link: an entry that is not the one under the head, in each of its fields', () => {
    const last = HONEST.entries[39] as ServedEntry;
    for (const change of [
      { index: 1 },
      { receivedAt: 1 },
      { pduId: parsePduId('00'.repeat(32)) },
      { previousLink: FIRST_LINK },
    ]) {
      const follower = new Follower().hear(HONEST.head(40)).read([{ ...last, ...change }]);
      expect(follower.codes).toEqual(['wrong_link']);
      expect(follower.accepted).toEqual([]);
    }
  });

  test('wrong_link: a chain that does not begin at the beginning', () => {
    const other = new History(5, 1);
    const first = { ...(other.entries[0] as ServedEntry), previousLink: new Uint8Array(32).fill(9) };
    expect(new Follower().read([first]).codes).toEqual(['wrong_link']);
    expect(new Follower().hear({ ...new History(0).head(0), ...headAt(0, new Uint8Array(32).fill(9)) }).codes).toEqual([
      'wrong_link',
    ]);
  });

  test('renumbered: the entries above do not lead to what is held', () => {
    const follower = new Follower().hear(HONEST.head(20)).read(HONEST.run(1, 20));
    const other = new History(60, 15);
    follower.hear(other.head(30)).read(descending(other.run(21, 30)));
    // Ten entries stand under a signed head: they are kept, and the quarrel is told.
    expect(follower.codes).toEqual(['two_heads']);
    const silent = new Follower()
      .read(HONEST.run(1, 20))
      .hear(other.head(30))
      .read(descending(other.run(21, 30)));
    expect(silent.codes).toEqual(['renumbered']);
    expect(silent.accepted).toHaveLength(30);
    expect(silent.walked).toEqual([
      [1, 20],
      [21, 30],
    ]);
  });

  test('renumbered: a head at a number that is held has another link, at an end or within', () => {
    const other = new History(60, 5);
    for (const number of [10, 20]) {
      const follower = new Follower().read(HONEST.run(1, 20)).hear(other.head(number));
      expect(follower.codes).toEqual(['renumbered']);
    }
  });

  test('renumbered: an entry served again is another one', () => {
    const { mailbox } = new Follower().read(HONEST.run(1, 20));
    const [held, other] = [HONEST.entries[6] as ServedEntry, new History(20, 7).entries[6] as ServedEntry];
    expect(compareHeld(mailbox, KEY_A, held, held)).toEqual([]);
    expect(compareHeld(mailbox, KEY_A, held, other)).toMatchObject([{ code: 'renumbered', number: 7 }]);
    expect(checkRun(suite, mailbox, KEY_A, [other]).known).toEqual([other]);
  });

  test('renumbered: the next entry names another one before it', () => {
    const follower = new Follower().read(HONEST.run(1, 20)).read(new History(60, 15).run(21, 25));
    expect(follower.codes[0]).toBe('renumbered');
    expect(follower.walked).toEqual([[1, 20]]);
  });

  test('two_heads: one node or two sign different links for one number', () => {
    const other = new History(60, 30);
    for (const signer of [A, B]) {
      const follower = new Follower().hear(HONEST.head(40)).hear(other.head(40, signer));
      expect(follower.alarms).toMatchObject([
        { code: 'two_heads', number: 40, heads: [{ node: KEY_A }, { node: toBase64(signer.publicKey) }] },
      ]);
    }
  });

  test('two_heads: the chain under one head passes another link than a second one signed below', () => {
    const other = new History(60, 30);
    const follower = new Follower().hear(HONEST.head(40)).hear(other.head(50, B));
    follower.read(descending(other.run(36, 50)), KEY_B);
    expect(follower.alarms).toMatchObject([
      {
        code: 'two_heads',
        number: 40,
        heads: [
          { node: KEY_A, number: 40 },
          { node: KEY_B, number: 50 },
        ],
      },
    ]);
  });

  test('rolled_back: a head shorter than the node signed before', () => {
    const follower = new Follower().hear(HONEST.head(40)).hear(HONEST.head(39));
    expect(follower.alarms).toMatchObject([{ code: 'rolled_back', before: { number: 40 }, after: { number: 39 } }]);
    expect(follower.mailbox.claims).toHaveLength(1);
    expect(new Follower().hear(HONEST.head(40)).hear(HONEST.head(39, B)).codes).toEqual([]);
  });

  test('bad_signature: a head that its node did not sign so', () => {
    for (const change of [
      { number: 41 },
      { expiredTo: 9 },
      { retired: true },
      { node: KEY_B },
      { signature: new Uint8Array(64) },
    ]) {
      const follower = new Follower().hear({ ...HONEST.head(40), ...change });
      expect(follower.codes).toEqual(['bad_signature']);
      expect(follower.mailbox.claims).toEqual([]);
    }
  });
});

describe('what is kept', () => {
  test('stays small: confirmed heads are forgotten but for the last two of each node, and the rest is bounded', () => {
    const follower = new Follower();
    for (let number = 1; number <= 60; number++) follower.hear(HONEST.head(number)).read(HONEST.run(number, number));
    expect(follower.mailbox.claims.map((claim) => claim.number)).toEqual([59, 60]);
    const long = new History(300);
    const waiting = new Follower();
    for (let number = 100; number <= 300; number++) waiting.hear(long.head(number));
    expect(waiting.mailbox.claims).toHaveLength(128);
    expect(waiting.mailbox.claims.at(-1)?.number).toBe(300);
  });

  test('is read back from its bytes, and hostile bytes are refused', () => {
    const { mailbox } = new Follower()
      .hear(HONEST.head(40))
      .hear(HONEST.head(44, B))
      .read(HONEST.run(1, 9))
      .read(descending(HONEST.run(20, 40)));
    const bytes = encodeVerifiedMailbox(mailbox);
    expect(decodeVerifiedMailbox(bytes)).toEqual(mailbox);
    for (let size = 0; size < bytes.length; size++)
      expect(() => decodeVerifiedMailbox(bytes.subarray(0, size))).toThrow(LedgerError);
    expect(() => decodeVerifiedMailbox(Uint8Array.of(...bytes, 0))).toThrow(LedgerError);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, byte) => {
        const changed = bytes.slice();
        changed[at] = byte;
        try {
          decodeVerifiedMailbox(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(LedgerError);
        }
      }),
      { numRuns: 1_000 },
    );
  });
});

function headAt(number: number, link: Uint8Array): Pick<HeadClaim, 'number' | 'link' | 'signature'> {
  const head = { feed: FEED, number, link, expiredTo: 0, retired: false };
  return { number, link, signature: suite.sign(headBytes(ALICE, head), A.secretKey) };
}

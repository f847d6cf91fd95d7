import { describe, expect, test } from 'vitest';
import { NobleSuite, SeededSecureRandom, toHex } from '../../base/index.ts';
import { encodeMemberBody, type Role } from '../../conversation/index.ts';
import {
  type Address,
  bodyOf,
  createConversation,
  deviceIdOf,
  type Pdu,
  type PduContent,
  type PduId,
  PREVIOUS_PDUS_MAX,
  parseAddress,
  parsePduId,
  signPdu,
} from '../../protocol/index.ts';
import { type ConversationItem, decodeConversationRow, encodeConversationRow, itemOf } from './conversation-row.ts';
import { OpenConversation } from './open-conversation.ts';

const suite = new NobleSuite();
const random = new SeededSecureRandom(5);
const device = suite.keyPair(random.bytes(32));
const [ALICE, BOB, EVE] = ['alice', 'bob', 'eve'].map((name) => parseAddress(`${name}@home.example`)) as [
  Address,
  Address,
  Address,
];

function setup() {
  const { conversation, nonce } = createConversation({ suite, random }, ALICE);
  const sign = (author: Address, content: Partial<PduContent>, body = random.bytes(8)): ConversationItem => {
    const base = { type: 'mail', conversation, author, recipients: [ALICE, BOB], time: 1, prev: [], depth: 1 } as const;
    const id = deviceIdOf(suite, device.publicKey);
    const pdu = signPdu(suite, { ...base, device: id, body: bodyOf(suite, body), ...content }, device.secretKey);
    return itemOf(pdu, pdu.type === 'mail' ? undefined : body);
  };
  const mail = (author: Address, depth: number, ...prev: readonly PduId[]) => sign(author, { depth, prev });
  const member = (author: Address, about: Address, role: Role, depth: number, ...prev: readonly PduId[]) =>
    sign(author, { type: 'member', stateKey: about, depth, prev }, encodeMemberBody(role));
  const first = sign(ALICE, { nonce });
  return { first, mail, member, open: (...items: ConversationItem[]) => new OpenConversation(conversation, items) };
}

const idOf = ({ pdu }: { readonly pdu: Pdu }): PduId => pdu.id;
const invented = (): PduId => parsePduId(toHex(random.bytes(32)));

describe('a conversation on this device', () => {
  test('comes back from its rows', () => {
    const { first, member } = setup();
    for (const item of [first, member(ALICE, EVE, 'reader', 2, idOf(first))])
      expect(decodeConversationRow(suite, encodeConversationRow(item))).toEqual(item);
    const bodyless = itemOf(member(ALICE, EVE, 'reader', 2, idOf(first)).pdu, undefined);
    expect(decodeConversationRow(suite, encodeConversationRow(bodyless)).body).toBeUndefined();
    expect(() => decodeConversationRow(suite, Uint8Array.of(9, 0, 0, 0, 0, 0))).toThrow('does not read');
  });

  test('goes on after all of its ends, of very many after the deepest', () => {
    const { first, mail, open } = setup();
    const branches = Array.from({ length: PREVIOUS_PDUS_MAX + 5 }, () => mail(BOB, 2, idOf(first)));
    const deep = mail(ALICE, 3, idOf(branches[0] as ConversationItem));
    expect(open(first).end).toEqual({ prev: [idOf(first)], depth: 2 });
    const { prev, depth } = open(first, ...branches, deep).end;
    expect(prev).toHaveLength(PREVIOUS_PDUS_MAX);
    expect(prev[0]).toBe(idOf(deep));
    expect(depth).toBe(4);
    expect(open(first, ...branches, deep).shallowestEnd).toBe(2);
  });

  test('lacks what members follow, through whatever waits, and not what strangers invent', () => {
    const { first, mail, member, open } = setup();
    const hidden = mail(ALICE, 2, idOf(first));
    const stranger = mail(EVE, 3, invented());
    expect(open(first, stranger).missing).toHaveLength(1);
    expect(open(first, stranger).lacking).toEqual([]);
    const between = mail(EVE, 3, idOf(hidden));
    expect(open(first, between).lacking).toEqual([]);
    expect(open(first, between, mail(BOB, 4, idOf(between))).lacking).toEqual([idOf(hidden)]);
    expect(open(first, hidden, between, mail(BOB, 4, idOf(between))).lacking).toEqual([]);
    // Who was removed cannot stop the others either.
    const removal = member(ALICE, BOB, 'removed', 2, idOf(first));
    expect(open(first, removal, mail(BOB, 3, invented())).lacking).toEqual([]);
  });

  test('lacks a change whose body is not here, until it is', () => {
    const { first, member, open } = setup();
    const change = member(ALICE, EVE, 'member', 2, idOf(first));
    const talk = open(first, itemOf(change.pdu, undefined));
    expect(talk.lacking).toEqual([idOf(change)]);
    expect(talk.has(idOf(change))).toBe(false);
    talk.add([change]);
    expect(talk.lacking).toEqual([]);
    expect(talk.isPresent(EVE)).toBe(true);
    expect(talk.whoSaid(EVE)).toBe(ALICE);
  });

  test('tells changes in their order, and which do not count', () => {
    const { first, member, open } = setup();
    const theft = member(EVE, EVE, 'owner', 2, idOf(first));
    const added = member(ALICE, EVE, 'reader', 3, idOf(theft));
    const { events } = open(added, theft, first);
    expect(events.map(({ id, counts }) => [id, counts])).toEqual([
      [idOf(theft), false],
      [idOf(added), true],
    ]);
  });
});

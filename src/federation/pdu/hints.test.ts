import { expect, test } from 'vitest';
import { ManualClock, NobleSuite, SeededSecureRandom, SILENT_LOG, utf8 } from '../../base/index.ts';
import { encodeMemberBody } from '../../conversation/index.ts';
import {
  bodyOf,
  createConversation,
  deviceIdOf,
  type HomeName,
  type Pdu,
  type PduContent,
  parseAddress,
  parseHomeName,
  signPdu,
} from '../../protocol/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { Conversations } from './conversations.ts';
import { Hints } from './hints.ts';
import { Holes } from './holes.ts';
import type { HeldPdu, PduView } from './pdu-view.ts';

const suite = new NobleSuite();
const ann = parseAddress('ann@a.example');
const bob = parseAddress('bob@b.example');
const cleo = parseAddress('cleo@c.example');
const [a, c, stranger] = ['a.example', 'c.example', 'x.example'].map(parseHomeName) as [HomeName, HomeName, HomeName];
const keys = suite.keyPair(new Uint8Array(32));
const place = createConversation({ suite, random: new SeededSecureRandom(1) }, ann);
const { conversation } = place;

type Said = Pick<PduContent, 'type' | 'depth' | 'prev' | 'stateKey' | 'nonce'>;

function say(said: Said, body: Uint8Array): { readonly pdu: Pdu; readonly body: Uint8Array } {
  const by = { author: ann, device: deviceIdOf(suite, keys.publicKey), recipients: [ann, bob, cleo], time: 0 };
  return { pdu: signPdu(suite, { ...said, ...by, conversation, body: bodyOf(suite, body) }, keys.secretKey), body };
}

const founding = say({ type: 'mail', depth: 1, prev: [], nonce: place.nonce }, utf8('hello'));
const adding = say({ type: 'member', depth: 2, prev: [founding.pdu.id], stateKey: cleo }, encodeMemberBody('member'));
const mail = say({ type: 'mail', depth: 2, prev: [founding.pdu.id] }, utf8('beside'));

/** A home that holds these. */
async function setup(home: HomeName, pdus: readonly { readonly pdu: Pdu; readonly body: Uint8Array }[]) {
  const held = pdus.map((one): HeldPdu => ({ ...one, delivered: true }));
  const view: PduView = {
    get: async (ids) => held.filter(({ pdu }) => ids.includes(pdu.id)),
    page: async () => held,
    areDelivered: async (_, asked) => asked.map(({ id }) => held.some(({ pdu }) => pdu.id === id)),
    areHeld: async (_, ids) => ids.map((id) => held.some(({ pdu }) => pdu.id === id)),
  };
  const deps = { clock: new ManualClock(0), store: new MemoryStore(), view };
  const holes = await Holes.open(deps);
  const owed: HomeName[] = [];
  const owe = async (destination: HomeName): Promise<void> => void owed.push(destination);
  const hints = new Hints({ log: SILENT_LOG, conversations: new Conversations({ view }), holes, owe }, { home });
  const hear = (origin: HomeName, tips: readonly string[]) =>
    hints.hear(origin, [{ edu: { oneofKind: 'headHint', headHint: { conversation, tips: [...tips] } } }]);
  const say = (destination: HomeName) => hints.make(destination, conversation);
  const filled = () => hints.filled(conversation);
  const committed = (pdu: Pdu) => hints.committed([pdu]);
  return { hear, say, filled, committed, owed, lacking: async () => (await Holes.open(deps)).due(1)[0]?.hinted };
}

test('what a home of the conversation holds and we do not is on disk when its hint is answered', async () => {
  const home = await setup(c, [founding, adding]);
  await home.hear(a, [mail.pdu.id]);
  expect(await home.lacking()).toEqual(new Map([[a, [mail.pdu.id]]]));
  expect(home.owed).toEqual([a]);
});

test('a home that does not know yet who is in the conversation hears hints of it', async () => {
  const home = await setup(c, [adding]);
  await home.hear(a, [mail.pdu.id]);
  expect(await home.lacking()).toEqual(new Map([[a, [mail.pdu.id]]]));
  // To whom it may speak it does not know.
  expect(home.owed).toEqual([]);
});

test('a home outside the conversation, or one that speaks of a conversation that is not here, is not heard', async () => {
  const member = await setup(c, [founding, adding]);
  await member.hear(stranger, [mail.pdu.id]);
  expect(await member.lacking()).toBeUndefined();
  const nobody = await setup(c, []);
  await nobody.hear(a, [mail.pdu.id]);
  expect(await nobody.lacking()).toBeUndefined();
});

test('two homes that agree owe each other nothing', async () => {
  const home = await setup(c, [founding, adding]);
  await home.hear(a, [adding.pdu.id]);
  expect(await home.lacking()).toBeUndefined();
  expect(home.owed).toEqual([]);
});

test('a home that knows less than it was told is told again, and one that knows other things once', async () => {
  const home = await setup(a, [founding, adding]);
  await home.say(c);
  await home.hear(c, [founding.pdu.id]);
  expect(home.owed).toEqual([c]);
  await home.say(c);
  await home.hear(c, [mail.pdu.id]);
  expect(home.owed).toEqual([c]);
});

test('a home that has just learnt what a conversation is compares with all others of it', async () => {
  const home = await setup(c, [founding, adding]);
  await home.filled();
  expect(home.owed).toEqual([a, parseHomeName('b.example')]);
});

test('what somebody of ours follows and is not here is looked for: a stranger to the conversation joins it that way', async () => {
  const joined = await setup(a, [adding]);
  await joined.committed(adding.pdu);
  expect(await joined.lacking()).toEqual(new Map());
  const whole = await setup(a, [founding, adding]);
  await whole.committed(adding.pdu);
  expect(await whole.lacking()).toBeUndefined();
});

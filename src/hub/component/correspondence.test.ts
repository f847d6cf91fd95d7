import { describe, expect, test } from 'vitest';
import { SeededSecureRandom } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { parseEnvelope, signEnvelope } from './bus-message.ts';
import { Correspondence } from './correspondence.ts';
import { createInstanceId } from './ids.ts';
import { createComponentKeys, publicKeysOf } from './keys.ts';

const suite = new SodiumSuite();
const random = new SeededSecureRandom(1);
const alice = parseAddress('alice@home.example');
const bob = parseAddress('bob@home.example');

function setup() {
  const someone = () => {
    const self = { instance: createInstanceId(random), keys: createComponentKeys(suite, random) };
    const peer = { instance: self.instance, keys: publicKeysOf(self.keys) };
    return { self, peer, talk: new Correspondence(suite, self) };
  };
  const [control, server, stranger] = [someone(), someone(), someone()];
  control.talk.meet(server.peer, alice);
  server.talk.meet(control.peer);
  stranger.talk.meet(control.peer);
  return { control, server, stranger };
}
const event = { type: 'event', kind: 'ready', body: {} } as const;
const refusal = (code: string) => expect.objectContaining({ code });

describe('a bus message', () => {
  test('arrives with what was said, by whom and about whom', () => {
    const { control, server } = setup();
    const read = control.talk.read(server.talk.write(control.self.instance, { user: alice }, event));
    expect(read).toMatchObject({ from: server.self.instance, user: alice, number: 1, content: event });
  });

  test('is refused the second time, and so is one that it has overtaken', () => {
    const { control, server } = setup();
    const [first, second] = [1, 2].map(() => server.talk.write(control.self.instance, { user: alice }, event));
    control.talk.read(second as Uint8Array);
    expect(() => control.talk.read(second as Uint8Array)).toThrow(refusal('replayed'));
    expect(() => control.talk.read(first as Uint8Array)).toThrow(refusal('replayed'));
  });

  test('of somebody unknown is refused', () => {
    const { control, stranger } = setup();
    const message = stranger.talk.write(control.self.instance, { user: alice }, event);
    expect(() => control.talk.read(message)).toThrow(refusal('unknown_sender'));
  });

  test('in the name of another is refused', () => {
    const { control, server, stranger } = setup();
    const forged = signEnvelope(suite, stranger.self.keys, {
      from: server.self.instance,
      to: control.self.instance,
      number: 1,
      user: alice,
      content: event,
    });
    expect(() => control.talk.read(forged)).toThrow(refusal('bad_signature'));
    // And what the right one says after it still counts.
    expect(control.talk.read(server.talk.write(control.self.instance, { user: alice }, event)).number).toBe(1);
  });

  test('changed in any byte is refused', () => {
    const { control, server } = setup();
    const message = server.talk.write(control.self.instance, { user: alice }, event);
    for (let at = 0; at < message.length; at++) {
      const changed = message.with(at, (message[at] ?? 0) ^ 1);
      expect(() => control.talk.read(changed)).toThrow(/./);
    }
    expect(control.talk.read(message).number).toBe(1);
  });

  test('for another component is refused', () => {
    const { control, server, stranger } = setup();
    stranger.talk.meet(server.peer, alice);
    const message = server.talk.write(control.self.instance, { user: alice }, event);
    expect(() => stranger.talk.read(message)).toThrow(refusal('misaddressed'));
  });

  test('about another user than its sender’s is refused', () => {
    const { control, server } = setup();
    for (const about of [{ user: bob }, {}]) {
      const message = server.talk.write(control.self.instance, about, event);
      expect(() => control.talk.read(message)).toThrow(refusal('misaddressed'));
    }
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['a signature alone', new Uint8Array(64)],
    ['no JSON', new Uint8Array(200).fill(0x7b)],
    ['too much', new Uint8Array(300 * 1024)],
  ])('that is %s is refused by its form', (_, bytes) => {
    expect(() => parseEnvelope(bytes)).toThrow(/./);
    expect(() => setup().control.talk.read(bytes)).toThrow(expect.objectContaining({ name: 'HubError' }));
  });
});

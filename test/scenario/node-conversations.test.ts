import { describe, expect, test } from 'vitest';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { encodeMemberBody } from '../../src/conversation/index.ts';
import { bodyOf, createConversation, deviceIdOf, type Pdu, ReceiptStatus, signPdu } from '../../src/protocol/index.ts';
import { NodeWorld } from '../harness/node-world.ts';
import type { WireClient } from '../harness/wire-client.ts';

const suite = new SodiumSuite();

async function pagesOf(client: WireClient, { conversation }: Pdu): Promise<readonly { readonly hasBody: boolean }[]> {
  const answer = await client.ask((request) => ({
    oneofKind: 'getConversation',
    getConversation: { request, conversation, afterDepth: 0, afterId: '', home: '' },
  }));
  if (answer.oneofKind !== 'conversation') throw new Error(`refused: ${JSON.stringify(answer)}`);
  return answer.conversation.pdus;
}

describe('a node and conversations', () => {
  test('what says who is in one stays readable, although everybody erased it', async () => {
    await using world = await NodeWorld.open();
    const alice = await world.person('alice');
    const client = await world.signIn(alice);
    const place = { ...createConversation({ suite, random: world.random }, alice.address), depth: 1, prev: [] };
    const head = { author: alice.address, device: deviceIdOf(suite, alice.device.publicKey), time: 1 };
    const recipients = [alice.address];
    const mail = world.random.bytes(20);
    const founding = signPdu(
      suite,
      { ...head, ...place, type: 'mail', recipients, body: bodyOf(suite, mail) },
      alice.device.secretKey,
    );
    const body = encodeMemberBody('member');
    const { conversation } = founding;
    const added = { ...head, conversation, type: 'member', stateKey: `bob@${world.home}`, recipients } as const;
    const change = signPdu(
      suite,
      { ...added, depth: 2, prev: [founding.id], body: bodyOf(suite, body) },
      alice.device.secretKey,
    );
    expect((await client.submit(founding, mail)).status).toBe(ReceiptStatus.OK);
    const { feed, status } = await client.submit(change, body);
    expect(status).toBe(ReceiptStatus.OK);
    const erased = await client.ask((request) => ({
      oneofKind: 'erase',
      erase: { request, feed, numbers: [{ from: 1, to: 2 }], superseded: false },
    }));
    expect(erased).toMatchObject({ oneofKind: 'done', done: { count: 2 } });
    expect([...world.core.feeds.current.cleared()]).toHaveLength(1);
    expect(await pagesOf(client, founding)).toMatchObject([{ hasBody: false }, { hasBody: true, body }]);
  });
});

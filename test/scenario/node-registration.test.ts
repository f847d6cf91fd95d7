import { describe, expect, test } from 'vitest';
import type { NodeMessage } from '../../src/protocol/index.ts';
import { NodeWorld, type WorldOptions } from '../harness/node-world.ts';
import { createPerson } from '../harness/person.ts';

const LIMITS = {
  registrationIntervalMs: 1_000,
  registrationBurst: 4,
  registrationIntervalPerRemoteMs: 60_000,
  registrationBurstPerRemote: 2,
};
const [HERE, THERE, ELSEWHERE] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];

async function setup(options: WorldOptions = {}) {
  const world = await NodeWorld.open({ limits: LIMITS, ...options });
  return {
    world,
    async register(name: string, remote: string | undefined, invite?: string): Promise<NodeMessage> {
      const client = world.connect(remote);
      const answer = await client.register(createPerson(world.random, world.address(name)), invite);
      client.close();
      return answer;
    },
    [Symbol.asyncDispose]: () => world[Symbol.asyncDispose](),
  };
}

function limited(retryAfterMs: number): object {
  return { oneofKind: 'refused', refused: { code: 'rate_limited', fatal: false, retryAfterMs } };
}

describe('an open home', () => {
  test('takes a burst of new accounts from one address, then one an interval, and others meanwhile', async () => {
    await using made = await setup();
    const { register, world } = made;
    for (const name of ['a', 'b']) expect(await register(name, HERE)).toMatchObject({ oneofKind: 'chain' });
    expect(await register('c', HERE)).toMatchObject(limited(60_000));
    expect(await register('c', THERE)).toMatchObject({ oneofKind: 'chain' });
    await world.clock.advance(59_999);
    expect(await register('d', HERE)).toMatchObject(limited(1));
    await world.clock.advance(1);
    expect(await register('d', HERE)).toMatchObject({ oneofKind: 'chain' });
    expect(await register('e', HERE)).toMatchObject(limited(60_000));
  });

  test('takes no more than its rate from all addresses together, and a refusal costs an address nothing', async () => {
    await using made = await setup();
    const { register, world } = made;
    for (const [name, remote] of Object.entries({ a: HERE, b: HERE, c: THERE, d: undefined }))
      expect(await register(name, remote)).toMatchObject({ oneofKind: 'chain' });
    for (let tries = 0; tries < 3; tries++) expect(await register('e', ELSEWHERE)).toMatchObject(limited(1_000));
    await world.clock.advance(2_000);
    for (const name of ['e', 'f']) expect(await register(name, ELSEWHERE)).toMatchObject({ oneofKind: 'chain' });
    expect(await register('g', undefined)).toMatchObject(limited(1_000));
  });

  test('keeps nothing of what it refuses, and serves who has an account', async () => {
    await using made = await setup({ limits: { ...LIMITS, registrationBurst: 1 } });
    const { register, world } = made;
    const bob = await world.person('bob');
    const { length } = world.core.feeds.current;
    expect(await register('eve', ELSEWHERE)).toMatchObject(limited(1_000));
    expect(world.core.feeds.current.length).toBe(length);
    expect(await world.core.accounts.find(world.address('eve'))).toBeUndefined();
    expect(await (await world.signIn(bob)).ask((request) => ({ oneofKind: 'ping', ping: { request } }))).toMatchObject({
      oneofKind: 'pong',
    });
  });
});

test('a home by invitation takes as many as were invited', async () => {
  await using made = await setup({ registration: 'invite', limits: { ...LIMITS, registrationBurst: 1 } });
  for (const name of ['a', 'b', 'c']) {
    const invite = await made.world.core.operator.invite();
    expect(await made.register(name, HERE, invite)).toMatchObject({ oneofKind: 'chain' });
  }
});

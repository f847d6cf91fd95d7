import { describe, expect, test } from 'vitest';
import { ZoneDns } from '../../../test/harness/letter-world.ts';
import { DialError, type HttpAnswer, SILENT_LOG, utf8 } from '../../base/index.ts';
import { MemoryStore } from '../../store/index.ts';
import { STS_LOOK_MS } from './limits.ts';
import { StsPolicies } from './sts.ts';

const POLICY = 'version: STSv1\nmode: enforce\nmx: mail.a.example\nmax_age: 604800\n';
const WEEK_MS = 604_800_000;
const never = new AbortController().signal;

function page(text: string, changes: Partial<HttpAnswer> = {}): HttpAnswer {
  return { status: 200, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: utf8(text), ...changes };
}

function setup() {
  const store = new MemoryStore();
  const asked: string[] = [];
  const world = {
    now: 1_000,
    dns: new ZoneDns({ '_mta-sts.a.example': { TXT: ['v=STSv1; id=1'] } }),
    answer: page(POLICY) as HttpAnswer | undefined,
    asked,
  };
  const open = (): StsPolicies =>
    new StsPolicies({
      dns: world.dns,
      dialer: {
        request: async ({ url }) => {
          asked.push(url);
          if (world.answer === undefined) throw new DialError('unreachable', 'nobody answers');
          return world.answer;
        },
      },
      log: SILENT_LOG,
      store: () => store,
      now: () => world.now,
    });
  return { world, open };
}

describe('the policy of a domain', () => {
  test('is fetched once, from its own place, and looked at again within the hour', async () => {
    const { open, world } = setup();
    const policies = open();
    for (let look = 0; look < 3; look++)
      expect(await policies.policyOf('a.example', never)).toMatchObject({ mode: 'enforce', mx: ['mail.a.example'] });
    expect(world.asked).toEqual(['https://mta-sts.a.example/.well-known/mta-sts.txt']);
    world.now += STS_LOOK_MS;
    world.dns.zone = { '_mta-sts.a.example': { TXT: ['v=STSv1; id=2'] } };
    world.answer = page(POLICY.replace('enforce', 'none'));
    expect(await policies.policyOf('a.example', never)).toMatchObject({ mode: 'none' });
  });

  test('counts as long as it says, over a start, though whoever is on the way hides it', async () => {
    const { open, world } = setup();
    await open().policyOf('a.example', never);
    world.dns.zone = {};
    world.answer = undefined;
    expect(await open().policyOf('a.example', never)).toMatchObject({ mode: 'enforce' });
    world.dns.isSilent = true;
    expect(await open().policyOf('a.example', never)).toMatchObject({ mode: 'enforce' });
    world.now += WEEK_MS;
    expect(await open().policyOf('a.example', never)).toBeUndefined();
  });

  test.each([
    ['elsewhere', page('', { status: 301, headers: { location: 'https://evil.example/' } })],
    ['of another type', page(POLICY, { headers: { 'content-type': 'text/html' } })],
    ['that is none', page('hello')],
    ['that nobody serves', undefined],
  ])('%s is none, and takes away none that is known', async (_what, answer) => {
    const { open, world } = setup();
    world.answer = answer;
    expect(await open().policyOf('a.example', never)).toBeUndefined();
    world.answer = page(POLICY);
    await open().policyOf('a.example', never);
    world.dns.zone = { '_mta-sts.a.example': { TXT: ['v=STSv1; id=2'] } };
    world.answer = answer;
    expect(await open().policyOf('a.example', never)).toMatchObject({ mode: 'enforce' });
  });

  test('is asked for nowhere where none is announced', async () => {
    const { open, world } = setup();
    expect(await open().policyOf('b.example', never)).toBeUndefined();
    expect(world.asked).toEqual([]);
  });
});

/**
 * The first mail to a domain of which nothing is known here. Whether it is a home decides whether ordinary mail, in the clear, may
 * go there: a home that is away must never get any, and what nobody can tell of counts as one.
 */
import { describe, expect, test } from 'vitest';
import { DialError, type HttpAnswer, utf8 } from '../../src/base/index.ts';
import type { Client, OrdinaryMail } from '../../src/client/index.ts';
import { FAILURE_CACHED_MS } from '../../src/federation/transport/limits.ts';
import { parseAddress } from '../../src/protocol/index.ts';
import { ClientWorld, never } from '../harness/client-world.ts';
import { openOutbound } from '../harness/letter-world.ts';

const CAROL = parseAddress('carol@elsewhere.example');
const SRV = '_restante._tcp.elsewhere.example';
const SILENT = new DialError('unreachable', 'nobody there', { retry: 'later' });

const answer = (status: number, text = ''): HttpAnswer => ({ status, headers: {}, body: utf8(text) });

/** What the world says of the other domain: its web servers, and DNS. */
interface Elsewhere {
  web: HttpAnswer | DialError;
  dns: 'named' | 'none' | 'down';
}

async function setup(said: Elsewhere) {
  const elsewhere = { ...said };
  const asked: string[] = [];
  const world = await ClientWorld.open({
    abroad: {
      dialer: {
        request: async () => {
          if (elsewhere.web instanceof DialError) throw elsewhere.web;
          return elsewhere.web;
        },
      },
      services: {
        services: async (name) => {
          asked.push(name);
          if (elsewhere.dns === 'down') throw new Error('no server of DNS answers');
          return elsewhere.dns === 'named' ? [{ host: 'node.elsewhere.example', port: 443 }] : [];
        },
      },
    },
  });
  const outbound = await openOutbound(world.node);
  const { client } = await world.newPerson('alice');
  await client.connect(never);
  return { asked, client, elsewhere, outbound, world };
}

const mime = utf8('Subject: Hello\r\n\r\nwords\r\n');

/** As `send --plain` does, and as JMAP does: what became of it. */
const WAYS = {
  'send --plain': async (client: Client) =>
    (await client.send({ to: [CAROL], subject: 'Hello', text: 'words', ordinary: 'plain' })).ordinary,
  JMAP: async (client: Client) =>
    (await client.sendRaw({ key: 'send 1', mime, shown: [CAROL], hidden: [], ordinary: 'best', returnsNothing: false }))
      .ordinary,
} as const satisfies Record<string, (client: Client) => Promise<OrdinaryMail | undefined>>;

describe.each(Object.entries(WAYS))('by %s the first mail to a domain', (_, send) => {
  test.each<[string, Elsewhere]>([
    ['that DNS names a home of, and that is away', { web: SILENT, dns: 'named' }],
    ['that DNS names a home of, and whose web server knows none', { web: answer(404), dns: 'named' }],
    ['of which DNS says nothing, and that is away', { web: SILENT, dns: 'down' }],
    ['of which DNS says nothing, and whose web server knows no home', { web: answer(404), dns: 'down' }],
    ['behind whose web server a home may be away', { web: answer(502), dns: 'none' }],
    ['that shows a home document which cannot be read', { web: answer(200, '{"documents":[{}]}'), dns: 'none' }],
  ])('%s waits, and goes nowhere in the clear', async (_what, said) => {
    const { asked, client, outbound, world } = await setup(said);
    await using _ = world;
    await expect(send(client)).rejects.toMatchObject({ code: 'home_unreachable', retry: 'later' });
    expect(asked).toContain(SRV);
    expect(client.outbox.items).toEqual([]);
    expect(outbound.status.queued).toBe(0);
    await client[Symbol.asyncDispose]();
  });

  test.each<[string, Elsewhere]>([
    ['whose web server knows no home, as DNS does not', { web: answer(404), dns: 'none' }],
    ['whose web server shows the same page for everything', { web: answer(200, '<html>'), dns: 'none' }],
    ['that has no web server, and no home by DNS', { web: SILENT, dns: 'none' }],
  ])('%s is ordinary mail', async (_what, said) => {
    const { client, world } = await setup(said);
    await using _ = world;
    expect(await send(client)).toMatchObject({ to: [CAROL], encrypted: false });
    await client[Symbol.asyncDispose]();
  });

  test('that could not be told of goes when it can', async () => {
    const { client, elsewhere, world } = await setup({ web: SILENT, dns: 'down' });
    await using _ = world;
    await expect(send(client)).rejects.toMatchObject({ code: 'home_unreachable' });
    elsewhere.dns = 'none';
    // What was not found is not looked for again at once.
    await world.node.clock.advance(FAILURE_CACHED_MS);
    expect(await send(client)).toMatchObject({ encrypted: false });
    await client[Symbol.asyncDispose]();
  });
});

import { expect, test } from 'vitest';
import { DnsServer } from '../../../test/harness/dns-server.ts';
import { SystemServiceResolver } from './service-resolver.ts';

test('a name without services has none, and what no server of DNS tells of is no answer', async () => {
  await using server = await DnsServer.open({ 'broken.example': { fails: true } });
  const resolver = new SystemServiceResolver(server.address);
  expect(await resolver.services('nobody.example')).toEqual([]);
  await expect(resolver.services('broken.example')).rejects.toMatchObject({ code: 'ESERVFAIL' });
});

test('no server is asked for a name that never exists', async () => {
  // Nobody listens there.
  const resolver = new SystemServiceResolver('127.0.0.1:9');
  expect(await resolver.services('_restante._tcp.nowhere.invalid')).toEqual([]);
  await expect(resolver.services('_restante._tcp.home.example')).rejects.toThrow();
});

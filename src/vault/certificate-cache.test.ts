import { expect, test } from 'vitest';
import { NobleSuite } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets } from './account-secrets.ts';
import { CertificateCache } from './certificate-cache.ts';

async function certificateOf(name: string): Promise<Uint8Array> {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const account = { address: parseAddress(`${name}@home.example`), createdAt: 1_767_312_000_000 };
  return (await createAccountSecrets(deps, account)).certificate;
}

test('a certificate is parsed once, however often and at once it is asked for', async () => {
  const cache = new CertificateCache();
  const bytes = await certificateOf('alice');
  const [a, b] = await Promise.all([cache.parse(bytes), cache.parse(bytes.slice())]);
  expect(b).toBe(a);
  expect(await cache.parseHashed(a.hash, bytes)).toBe(a);
  expect(await cache.parse(await certificateOf('bob'))).not.toBe(a);
});

test('a refusal comes each time', async () => {
  const cache = new CertificateCache();
  for (let time = 0; time < 2; time++)
    await expect(cache.parse(Uint8Array.of(1, 2, 3))).rejects.toMatchObject({ code: 'malformed' });
});

test('what a caller does to its bytes afterwards does not reach the cache', async () => {
  const cache = new CertificateCache();
  const bytes = await certificateOf('alice');
  const original = bytes.slice();
  const first = await cache.parse(bytes);
  bytes.fill(0);
  expect(await cache.parse(original)).toBe(first);
  expect(first.bytes).toEqual(original);
});

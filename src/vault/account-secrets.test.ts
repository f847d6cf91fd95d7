import { describe, expect, test } from 'vitest';
import { fromUtf8, NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { parseAddress } from '../protocol/index.ts';
import { createAccountSecrets, decodeAccountSecrets, encodeAccountSecrets } from './account-secrets.ts';
import { parseCertificate } from './certificate.ts';
import { SECRETS_BYTES_MAX } from './limits.ts';

const suite = new NobleSuite();

function createAccount() {
  const deps = { suite, random: new SystemRandom() };
  return createAccountSecrets(deps, { address: parseAddress('alice@home.example'), createdAt: 1_767_312_000_000.25 });
}

describe('the secrets of an account', () => {
  test('come back from their encoding as they were', async () => {
    const secrets = await createAccount();
    expect(decodeAccountSecrets(suite, encodeAccountSecrets(secrets))).toEqual(secrets);
  });

  test('two accounts share no key, nor do the keys of one', async () => {
    const accounts = await Promise.all([createAccount(), createAccount()]);
    const keys = accounts.flatMap(({ identity, storageKey }) => [identity.secretKey.subarray(0, 32), storageKey]);
    const texts = keys.map((key) => key.toString());
    expect(new Set(texts).size).toBe(4);
  });

  test('the identity key signs and the certificate is the secret key’s', async () => {
    const { identity, certificate } = await createAccount();
    const message = utf8('a chain link');
    expect(suite.verify(suite.sign(message, identity.secretKey), message, identity.publicKey)).toBe(true);
    expect((await parseCertificate(certificate)).addresses).toEqual(['alice@home.example']);
  });

  test.each([
    ['another version', (text: string) => text.replace('"v":1', '"v":2')],
    ['a field more', (text: string) => text.replace('"v":1', '"v":1,"w":1')],
    ['a field less', (text: string) => text.replace(/"storage_key":"[^"]*",/, '')],
    ['a short key', (text: string) => text.replace(/("identity_seed":")./, '$1')],
    ['no address', (text: string) => text.replace('alice@home.example', 'alice')],
    ['a fraction of a millisecond', (text: string) => text.replace('1767312000000', '1767312000000.5')],
    ['a truncation', (text: string) => text.slice(0, -2)],
    ['a space, which is another spelling', (text: string) => text.replace('"v":1', '"v": 1')],
  ])('%s is malformed, and the refusal quotes no key', async (_, change) => {
    const text = fromUtf8(encodeAccountSecrets(await createAccount()));
    const changed = change(text);
    expect(changed).not.toBe(text);
    const decode = (): unknown => decodeAccountSecrets(suite, utf8(changed));
    expect(decode).toThrow(expect.objectContaining({ code: 'malformed' }));
    expect(decode).toThrow(/^not the secrets of an account$/);
    expect(decode).not.toThrow(expect.objectContaining({ cause: expect.anything() }));
  });

  test('more than fits a vault record is too large, both ways', async () => {
    const secrets = { ...(await createAccount()), secretKey: new Uint8Array(SECRETS_BYTES_MAX) };
    expect(() => encodeAccountSecrets(secrets)).toThrow(expect.objectContaining({ code: 'too_large' }));
    const bytes = new Uint8Array(SECRETS_BYTES_MAX + 1);
    expect(() => decodeAccountSecrets(suite, bytes)).toThrow(expect.objectContaining({ code: 'too_large' }));
  });
});

import { expect, test } from 'vitest';

test('the public door has exactly what a server may have, and the vault’s door has it too', async () => {
  const [open, whole] = await Promise.all([import('./public.ts'), import('./index.ts')]);
  expect(Object.keys(open).sort()).toEqual([
    'CERTIFICATE_BYTES_MAX',
    'CertificateCache',
    'OPENED_BYTES_MAX',
    'VaultError',
    'armorCertificate',
    'bindingOf',
    'encryptBody',
    'openChunkSealer',
    'parseCertificate',
    'verifyDetached',
  ]);
  expect(Object.keys(whole)).toEqual(expect.arrayContaining(Object.keys(open)));
});

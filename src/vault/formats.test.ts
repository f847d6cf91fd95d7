/** What was written by format 1 is opened for ever. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { fromBase64, NobleSuite, utf8 } from '../base/index.ts';
import { parseAddress, parseVaultRecord } from '../protocol/index.ts';
import { openBody } from './body.ts';
import { parseCertificate } from './certificate.ts';
import { derivePasswordKeys } from './password.ts';
import { deriveRecoveryKeys, parseRecoveryCode } from './recovery-code.ts';
import { openVaultRecord } from './vault-record-sealing.ts';

const suite = new NobleSuite();
const fixture = JSON.parse(readFileSync(new URL('./fixtures/vault-1.json', import.meta.url), 'utf8'));
const address = parseAddress(fixture.address);
const record = parseVaultRecord(utf8(JSON.stringify(fixture.record)));

test('a vault record opens with its password, and its secrets open a body of before a rotation', async () => {
  const keys = await derivePasswordKeys(suite, fixture.password, record.parameters);
  const { secrets } = openVaultRecord(suite, record, address, { by: 'password', keys });
  const signers = [await parseCertificate(secrets.certificate)];
  const opened = await openBody({ body: fromBase64(fixture.body), secrets, binding: fixture.binding, signers });
  expect(opened.mime).toEqual(fromBase64(fixture.mime));
  expect(opened.verification).toMatchObject({ status: 'verified', fingerprint: signers[0]?.fingerprint, bound: true });
});

test('a vault record opens with its recovery code', () => {
  const keys = deriveRecoveryKeys(suite, parseRecoveryCode(fixture.recoveryCode));
  expect(openVaultRecord(suite, record, address, { by: 'recovery', keys }).secrets.address).toBe(address);
});

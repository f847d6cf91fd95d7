/** Two people who write to each other: the world of the tests of bodies. */
import { ManualClock, NobleSuite, utf8 } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { type ConversationId, parseAddress } from '../protocol/index.ts';
import { type AccountSecrets, createAccountSecrets } from './account-secrets.ts';
import { openBody, sealBody } from './body.ts';
import type { BodyBinding } from './body-binding.ts';
import { type Certificate, parseCertificate } from './certificate.ts';

export const NOW = Date.UTC(2026, 5, 1);
export const DAY = 86_400_000;
export const MIME = utf8('From: alice@home.example\r\nSubject: hello\r\n\r\nHello, Bob.\r\n');

export interface Person {
  readonly secrets: AccountSecrets;
  readonly certificate: Certificate;
}

export async function createPerson(name: string, createdAt = NOW - DAY): Promise<Person> {
  const deps = { suite: new NobleSuite(), random: new SystemRandom() };
  const secrets = await createAccountSecrets(deps, { address: parseAddress(`${name}@home.example`), createdAt });
  return { secrets, certificate: await parseCertificate(secrets.certificate) };
}

export async function createCorrespondents(now = NOW) {
  const [alice, bob] = await Promise.all([createPerson('alice'), createPerson('bob')]);
  const deps = { clock: new ManualClock(now), random: new SystemRandom() };
  const binding: BodyBinding = {
    type: 'mail',
    conversation: '00112233445566778899aabbccddeeff' as ConversationId,
    author: alice.secrets.address,
    recipients: [bob.secrets.address],
    time: NOW + 123,
  };
  const certificates = [bob.certificate, alice.certificate];
  const seal = (mime = MIME) => sealBody(deps, { mime, secrets: alice.secrets, certificates, binding });
  const open = (body: Uint8Array, expected = binding, signers = [alice.certificate]) =>
    openBody({ body, secrets: bob.secrets, binding: expected, signers });
  return { alice, bob, deps, binding, certificates, seal, open };
}

import { expect, test } from 'vitest';
import { SecretScan } from './harness/secret-scan.ts';

const SECRET = 'the boat is at the pier, 12 o’clock';
const octets = (text: string): Buffer => Buffer.from(text);
const scan = new SecretScan([SECRET]);

const forms: readonly (readonly [where: string, bytes: Buffer])[] = [
  ['as it is', octets(`x${SECRET}y`)],
  ['in hexadecimal', octets(octets(`x${SECRET}y`).toString('hex'))],
  ['in JSON of a Buffer', octets(JSON.stringify({ text: octets(`x${SECRET}y`) }))],
  ['in JSON of an array of octets', octets(JSON.stringify({ text: new Uint8Array(octets(`x${SECRET}y`)) }))],
  ['in JSON that is indented', octets(JSON.stringify([...octets(`x${SECRET}y`)], null, 2))],
  ...['', 'x', 'xy', 'xyz'].flatMap((before) =>
    (['base64', 'base64url'] as const).map(
      (form) => [`in ${form} after ${before.length}`, octets(octets(`${before}${SECRET}yy`).toString(form))] as const,
    ),
  ),
];

test.each(forms)('a secret is found %s', (_where, bytes) => {
  expect(scan.finds(bytes)).toBe(true);
});

test('what is no secret is not', () => {
  const other = octets(SECRET.replace('pier', 'door'));
  for (const bytes of [other, octets(other.toString('base64')), octets(JSON.stringify(other)), octets('')])
    expect(scan.finds(bytes)).toBe(false);
});

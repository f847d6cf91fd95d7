import { buffer } from 'node:stream/consumers';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { expect, test } from 'vitest';
import { utf8 } from '../../base/index.ts';
import { createDkimKeys, dkimRecordOf, signDkim } from './dkim.ts';

const NOW = Date.UTC(2026, 10, 22, 12);
const TEXT = utf8('From: a@home.example\r\nTo: b@far.example\r\nSubject: oars\r\n\r\nThey float.\r\n');

test('both signatures hold, and are of the moment that was given, whatever the time is while they are made', async () => {
  const keys = await createDkimKeys(NOW);
  const open = async function* (): AsyncGenerator<Uint8Array> {
    yield TEXT;
  };
  const signed = await signDkim(open, { domain: 'home.example', keys, now: NOW });
  const octets = await buffer(signed.open());
  expect(octets).toHaveLength(signed.sizeBytes);
  expect(octets.toString().match(/ t=\d+;/g)).toEqual([` t=${NOW / 1000};`, ` t=${NOW / 1000};`]);
  const records = new Map(keys.map((key) => [`${key.selector}._domainkey.home.example`, dkimRecordOf(key)]));
  const resolver = async (name: string): Promise<string[][]> => [[records.get(name) ?? '']];
  const { results } = await dkimVerify(octets, { resolver });
  expect(results.map(({ status }) => status.result)).toEqual(['pass', 'pass']);
});

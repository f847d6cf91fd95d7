import { expect, test } from 'vitest';
import { toHex, utf8 } from '../base/index.ts';
import { parseAddress, parseHomeName } from './ids.ts';
import { authBytes, type SessionNonces, welcomeBytes } from './session-bytes.ts';

const session: SessionNonces = {
  home: parseHomeName('home.example'),
  node: new Uint8Array(32).fill(1),
  nodeNonce: new Uint8Array(32).fill(2),
  clientNonce: new Uint8Array(32).fill(3),
};
const alice = parseAddress('alice@home.example');

test('each side signs home, address, node key and both nonces, under its own name', () => {
  const spelled = [
    authBytes(session, alice),
    welcomeBytes(session, alice),
    authBytes({ ...session, home: parseHomeName('other.example') }, alice),
    authBytes(session, parseAddress('bob@home.example')),
    authBytes({ ...session, node: new Uint8Array(32) }, alice),
    authBytes({ ...session, nodeNonce: new Uint8Array(32) }, alice),
    authBytes({ ...session, clientNonce: new Uint8Array(32) }, alice),
  ].map(toHex);
  expect(new Set(spelled).size).toBe(spelled.length);
  expect(spelled[0]).toBe(
    toHex(utf8('restante auth 1\nhome.example\0alice@home.example\0')) +
      '01'.repeat(32) +
      '02'.repeat(32) +
      '03'.repeat(32),
  );
});

test('a longer home does not pass for a shorter one with a longer address', () => {
  const one = authBytes({ ...session, home: parseHomeName('a') }, parseAddress('b@c'));
  const two = authBytes({ ...session, home: parseHomeName('ab') }, parseAddress('x@c'));
  expect(toHex(one)).not.toBe(toHex(two));
});

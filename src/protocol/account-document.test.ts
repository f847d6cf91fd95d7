import { describe, expect, test } from 'vitest';
import { fromUtf8, type KeyPair, NobleSuite, toBase64, toHex } from '../base/index.ts';
import {
  type AccountContent,
  accountContentJson,
  checkAccountLink,
  findDevice,
  isCountersigned,
  parseAccountChain,
  parseAccountDocument,
} from './account-document.ts';
import { encodeCanonicalJson, type Json } from './canonical-json.ts';
import { parseAddress, parseDeviceId } from './ids.ts';
import { DEVICES_MAX } from './limits.ts';
import { deviceIdOf } from './pdu.ts';
import { ProtocolError } from './protocol-error.ts';
import { countersignDocument, signDocument } from './signed-document.ts';

const suite = new NobleSuite();
const keyOf = (seed: number): KeyPair => suite.keyPair(new Uint8Array(32).fill(seed));
const [identity, nextIdentity, home, phone, laptop] = [keyOf(1), keyOf(2), keyOf(3), keyOf(4), keyOf(5)];

const deviceOf = (pair: KeyPair, name: string) => ({
  id: deviceIdOf(suite, pair.publicKey),
  key: pair.publicKey,
  name,
  addedAt: 1_700_000_000_000,
});

const first: AccountContent = {
  address: parseAddress('alice@home.example'),
  version: 1,
  previous: null,
  time: 1_700_000_000_000,
  identity: identity.publicKey,
  certificates: [Uint8Array.of(1, 2, 3)],
  devices: [deviceOf(phone, 'phone')],
  revoked: [],
  vault: { sha256: '00'.repeat(32), size: 100 },
  retentionDays: 0,
  closed: false,
};

const sign = (content: AccountContent, ...signers: KeyPair[]): Uint8Array =>
  signDocument(suite, accountContentJson(content), signers);
const hashOf = (bytes: Uint8Array): string => toHex(suite.sha256(bytes));

/** Version 1, countersigned, and what follows it directly. */
const one = countersignDocument(suite, sign(first, identity), home);
const second: AccountContent = { ...first, version: 2, previous: hashOf(one), devices: [deviceOf(laptop, 'laptop')] };

const codeOf = (documents: readonly Uint8Array[]): string => {
  try {
    parseAccountChain(suite, documents);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
};

describe('an account document', () => {
  test('comes back from its bytes', () => {
    const document = parseAccountDocument(suite, one);
    expect(document).toMatchObject(first);
    expect(isCountersigned(document, home.publicKey)).toBe(true);
    expect(isCountersigned(document, phone.publicKey)).toBe(false);
  });

  test('finds a device that may sign now, and no revoked or unknown one', () => {
    const content = { ...first, revoked: [deviceOf(laptop, 'laptop')] };
    const document = parseAccountDocument(suite, sign(content, identity));
    expect(findDevice(document, deviceIdOf(suite, phone.publicKey))?.name).toBe('phone');
    expect(findDevice(document, deviceIdOf(suite, laptop.publicKey))).toBeUndefined();
    expect(findDevice(document, parseDeviceId('00'.repeat(16)))).toBeUndefined();
  });

  test.each<[string, (document: Record<string, Json>) => void]>([
    [
      'another type',
      (document) => {
        document.type = 'home';
      },
    ],
    [
      'an unknown field',
      (document) => {
        document.admin = true;
      },
    ],
    [
      'an address in capitals',
      (document) => {
        document.address = 'Alice@home.example';
      },
    ],
    [
      'an address that is none',
      (document) => {
        document.address = 'alice';
      },
    ],
    [
      'no identity',
      (document) => {
        delete document.identity;
      },
    ],
    [
      'an identity of 31 bytes',
      (document) => {
        document.identity = toBase64(new Uint8Array(31));
      },
    ],
    [
      'an identity that is not base64',
      (document) => {
        document.identity = '!'.repeat(43);
      },
    ],
    [
      'a certificate that is not base64',
      (document) => {
        document.certificates = ['!'];
      },
    ],
    [
      'a padded certificate',
      (document) => {
        document.certificates = ['AQ=='];
      },
    ],
    [
      'too many certificates',
      (document) => {
        document.certificates = new Array(9).fill('AQ');
      },
    ],
    [
      'too many devices',
      (document) => {
        document.devices = new Array(DEVICES_MAX + 1).fill((document.devices as Json[])[0]);
      },
    ],
    [
      'a device without a name',
      (document) => {
        document.devices = [{ key: toBase64(phone.publicKey), added_at: 1 }];
      },
    ],
    [
      'a device with a short key',
      (document) => {
        document.devices = [{ key: 'AQ', name: '', added_at: 1 }];
      },
    ],
    [
      'a vault hash in capitals',
      (document) => {
        document.vault = { sha256: 'AA'.repeat(32), size: 1 };
      },
    ],
    [
      'a negative retention',
      (document) => {
        document.retention_days = -1;
      },
    ],
    [
      'a retention beyond a century',
      (document) => {
        document.retention_days = 36_501;
      },
    ],
    [
      'closed as text',
      (document) => {
        document.closed = 'no';
      },
    ],
  ])('with %s is refused', (_name, change) => {
    const { signatures: _, ...content } = JSON.parse(fromUtf8(one)) as Record<string, Json>;
    change(content);
    expect(codeOf([signDocument(suite, content, [identity])])).toBe('malformed');
  });
});

describe('an account chain', () => {
  test('goes on while each version is signed by the identity before it', () => {
    const two = sign(second, identity);
    const three = sign(
      { ...second, version: 3, previous: hashOf(two), identity: nextIdentity.publicKey },
      identity,
      nextIdentity,
    );
    const four = sign(
      { ...second, version: 4, previous: hashOf(three), identity: nextIdentity.publicKey },
      nextIdentity,
    );
    expect(parseAccountChain(suite, [one, two, three, four]).map((document) => document.version)).toEqual([1, 2, 3, 4]);
    expect(parseAccountChain(suite, [])).toEqual([]);
  });

  test.each<[string, readonly Uint8Array[]]>([
    ['begins with version 2', [sign(second, identity)]],
    ['begins unsigned', [sign(first)]],
    ['begins with a stranger’s signature only', [sign(first, home)]],
    ['says version 1 twice', [one, one]],
    ['leaves a version out', [one, sign({ ...second, version: 3 }, identity)]],
    ['names another document before it', [one, sign({ ...second, previous: '11'.repeat(32) }, identity)]],
    [
      'names version 1 without its countersignature',
      [one, sign({ ...second, previous: hashOf(sign(first, identity)) }, identity)],
    ],
    ['turns into another address', [one, sign({ ...second, address: parseAddress('mallory@home.example') }, identity)]],
    ['is taken over by another identity', [one, sign({ ...second, identity: nextIdentity.publicKey }, nextIdentity)]],
    ['changes identity without the new key', [one, sign({ ...second, identity: nextIdentity.publicKey }, identity)]],
    ['is extended by a device', [one, sign(second, phone)]],
    ['is extended by the home', [one, sign(second, home)]],
    ['is extended by nobody', [one, sign(second)]],
  ])('that %s is refused', (_name, documents) => {
    expect(codeOf(documents)).toBe('bad_chain');
  });

  test('that is closed does not go on, not even by its owner', () => {
    const closing = sign({ ...second, closed: true, devices: [] }, identity);
    const after = sign({ ...second, version: 3, previous: hashOf(closing) }, identity);
    expect(codeOf([one, closing])).toBe('accepted');
    expect(codeOf([one, closing, after])).toBe('bad_chain');
  });

  test('is checked link by link as it is told', () => {
    const current = parseAccountDocument(suite, one);
    const next = parseAccountDocument(suite, sign(second, identity));
    expect(() => checkAccountLink(current, next)).not.toThrow();
    expect(() => checkAccountLink(next, current)).toThrow(expect.objectContaining({ code: 'bad_chain' }));
    expect(() => checkAccountLink(current, current)).toThrow('does not follow version 1');
  });

  test('with a wrong signature in the middle is refused as a whole', () => {
    const two = JSON.parse(fromUtf8(sign(second, identity))) as Record<string, Json>;
    expect(codeOf([one, encodeCanonicalJson({ ...two, retention_days: 1 })])).toBe('bad_signature');
  });
});

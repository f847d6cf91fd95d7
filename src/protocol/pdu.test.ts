import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { equalBytes, fromUtf8, NobleSuite, SeededSecureRandom, toBase64, utf8 } from '../base/index.ts';
import { encodeCanonicalJson, type Json } from './canonical-json.ts';
import { parseAddress, parseConversationId, parseConversationNonce, parsePduId } from './ids.ts';
import { PDU_HEADER_BYTES_MAX, RECIPIENTS_MAX } from './limits.ts';
import {
  bodyOf,
  createConversation,
  deviceIdOf,
  type PduContent,
  parsePdu,
  pduIdOf,
  signPdu,
  verifyPdu,
} from './pdu.ts';
import { ProtocolError } from './protocol-error.ts';

const suite = new NobleSuite();
const device = suite.keyPair(new Uint8Array(32).fill(1));
const stranger = suite.keyPair(new Uint8Array(32).fill(2));

const content: PduContent = {
  type: 'mail',
  conversation: parseConversationId('0f'.repeat(16)),
  author: parseAddress('alice@home.example'),
  device: deviceIdOf(suite, device.publicKey),
  depth: 2,
  prev: [parsePduId('ab'.repeat(32))],
  recipients: [parseAddress('bob@home.example'), parseAddress('carol@other.example')],
  time: 1_700_000_000_000,
  body: bodyOf(suite, utf8('ciphertext')),
};

/** The header of `content`, changed as JSON: what a hostile author can send. */
function changed(change: (header: Record<string, Json>) => void): Uint8Array {
  const header = JSON.parse(fromUtf8(signPdu(suite, content, device.secretKey).header)) as Record<string, Json>;
  change(header);
  return encodeCanonicalJson(header);
}

describe('a PDU', () => {
  test('comes back from its header, and its device verifies', () => {
    const pdu = signPdu(suite, content, device.secretKey);
    const parsed = parsePdu(suite, pdu.header);
    expect(parsed).toEqual(pdu);
    expect(parsed.id).toBe(pduIdOf(suite, pdu.header));
    expect(verifyPdu(suite, parsed, device.publicKey)).toBe(true);
  });

  test('of every type comes back, with a state key where one belongs', () => {
    for (const type of ['mail', 'note', 'member', 'state'] as const) {
      const keyed = type === 'member' || type === 'state' ? { stateKey: 'bob@home.example' } : {};
      const pdu = signPdu(suite, { ...content, type, ...keyed }, device.secretKey);
      const parsed = parsePdu(suite, pdu.header);
      expect(parsed).toEqual(pdu);
      expect(verifyPdu(suite, parsed, device.publicKey)).toBe(true);
    }
  });

  test('that founds a conversation carries the nonce its id is made of, and nobody else can found it', () => {
    const { conversation, nonce } = createConversation({ suite, random: new SeededSecureRandom(1) }, content.author);
    const founding = { ...content, conversation, nonce, depth: 1, prev: [] };
    expect(parsePdu(suite, signPdu(suite, founding, device.secretKey).header)).toMatchObject({ conversation, nonce });
    const wrong: readonly Partial<PduContent>[] = [
      { author: parseAddress('mallory@home.example') },
      { conversation: parseConversationId('0f'.repeat(16)) },
      { depth: 2 },
      { prev: content.prev },
      { nonce: parseConversationNonce('0f'.repeat(16)) },
    ];
    for (const change of wrong)
      expect(() => parsePdu(suite, signPdu(suite, { ...founding, ...change }, device.secretKey).header)).toThrow(
        expect.objectContaining({ code: 'malformed' }),
      );
  });

  test('is verified by the device it names and by no other', () => {
    const pdu = signPdu(suite, content, device.secretKey);
    expect(verifyPdu(suite, pdu, stranger.publicKey)).toBe(false);
    // Signed by another key than the one named.
    const forged = signPdu(suite, content, stranger.secretKey);
    expect(verifyPdu(suite, forged, device.publicKey)).toBe(false);
    expect(verifyPdu(suite, forged, stranger.publicKey)).toBe(false);
  });

  test.each([
    ['author', 'mallory@home.example'],
    ['conversation', '00'.repeat(16)],
    ['depth', 3],
    ['prev', []],
    ['recipients', ['bob@home.example']],
    ['time', 1],
    ['type', 'note'],
    ['body', { sha256: '00'.repeat(32), size: 10 }],
  ])('with another %s is signed by nobody', (field, value) => {
    const parsed = parsePdu(
      suite,
      changed((header) => {
        header[field] = value;
      }),
    );
    expect(verifyPdu(suite, parsed, device.publicKey)).toBe(false);
  });

  test('has another id for each change, the signature included', () => {
    const pdu = signPdu(suite, content, device.secretKey);
    const other = signPdu(suite, { ...content, time: content.time + 1 }, device.secretKey);
    expect(other.id).not.toBe(pdu.id);
    const resigned = changed((header) => {
      header.signature = toBase64(new Uint8Array(64));
    });
    expect(pduIdOf(suite, resigned)).not.toBe(pdu.id);
  });

  test.each<[string, (header: Record<string, Json>) => void]>([
    [
      'an unknown field',
      (header) => {
        header.extra = 1;
      },
    ],
    [
      'a field named __proto__',
      (header) => {
        Object.defineProperty(header, '__proto__', { value: {}, enumerable: true });
      },
    ],
    [
      'no author',
      (header) => {
        delete header.author;
      },
    ],
    [
      'an author in capitals',
      (header) => {
        header.author = 'Alice@home.example';
      },
    ],
    [
      'an author that is no address',
      (header) => {
        header.author = 'alice';
      },
    ],
    [
      'another version',
      (header) => {
        header.v = 2;
      },
    ],
    [
      'an unknown type',
      (header) => {
        header.type = 'join';
      },
    ],
    [
      'no recipients',
      (header) => {
        header.recipients = [];
      },
    ],
    [
      'a recipient twice',
      (header) => {
        header.recipients = ['b@a', 'b@a'];
      },
    ],
    [
      'a previous PDU twice',
      (header) => {
        header.prev = ['ab'.repeat(32), 'ab'.repeat(32)];
      },
    ],
    [
      'too many previous PDUs',
      (header) => {
        header.prev = Array.from({ length: 21 }, (_, i) => i.toString(16).padStart(64, '0'));
      },
    ],
    [
      'a previous PDU in capitals',
      (header) => {
        header.prev = ['AB'.repeat(32)];
      },
    ],
    [
      'too many recipients',
      (header) => {
        header.recipients = Array.from({ length: RECIPIENTS_MAX + 1 }, (_, i) => `u${i}@a`);
      },
    ],
    [
      'depth 0',
      (header) => {
        header.depth = 0;
      },
    ],
    [
      'a negative time',
      (header) => {
        header.time = -1;
      },
    ],
    [
      'a time that is text',
      (header) => {
        header.time = '1';
      },
    ],
    [
      'a state key on mail',
      (header) => {
        header.state_key = 'x';
      },
    ],
    [
      'a state PDU without its key',
      (header) => {
        header.type = 'state';
      },
    ],
    [
      'a body without a size',
      (header) => {
        header.body = { sha256: '00'.repeat(32) };
      },
    ],
    [
      'a body of negative size',
      (header) => {
        header.body = { sha256: '00'.repeat(32), size: -1 };
      },
    ],
    [
      'a body hash in capitals',
      (header) => {
        header.body = { sha256: 'AA'.repeat(32), size: 1 };
      },
    ],
    [
      'a short signature',
      (header) => {
        header.signature = 'AA';
      },
    ],
    [
      'a padded signature',
      (header) => {
        header.signature = `${'A'.repeat(84)}==`;
      },
    ],
    [
      'a signature that is not base64',
      (header) => {
        header.signature = '!'.repeat(86);
      },
    ],
    [
      'null for the author',
      (header) => {
        header.author = null;
      },
    ],
    [
      'an object for the device',
      (header) => {
        header.device = {};
      },
    ],
  ])('with %s is refused', (_name, change) => {
    expect(() => parsePdu(suite, changed(change))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test.each(['', '{}', '[]', 'null', '1', '"pdu"', '{"v":1}', '\u0000', '{"a":'])('%j is no header', (text) => {
    expect(() => parsePdu(suite, utf8(text))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('beyond the limit is refused before it is parsed, and full of recipients fits', () => {
    expect(() => parsePdu(suite, new Uint8Array(PDU_HEADER_BYTES_MAX + 1))).toThrow(
      expect.objectContaining({ code: 'too_large' }),
    );
    const recipients = Array.from({ length: RECIPIENTS_MAX }, (_, index) =>
      parseAddress(`${'recipient-number-'.repeat(4).slice(0, 60)}${index}@${'home-'.repeat(8)}x.example`.slice(-110)),
    );
    const pdu = signPdu(suite, { ...content, recipients }, device.secretKey);
    expect(pdu.header.length).toBeLessThan(PDU_HEADER_BYTES_MAX);
    expect(parsePdu(suite, pdu.header).recipients.length).toBe(RECIPIENTS_MAX);
  });

  test('a header in another spelling is refused', () => {
    const text = fromUtf8(signPdu(suite, content, device.secretKey).header);
    for (const spelling of [
      ` ${text}`,
      text.replace(',', ', '),
      text.replace('{', '{"v":1,'),
      text.replace('a', '\\u0061'),
    ])
      expect(() => parsePdu(suite, utf8(spelling))).toThrow(expect.objectContaining({ code: 'malformed' }));
  });

  test('whatever byte is changed, the header is refused or nobody signed it', () => {
    const { header } = signPdu(suite, content, device.secretKey);
    fc.assert(
      fc.property(fc.nat(header.length - 1), fc.integer({ min: 1, max: 255 }), (index, difference) => {
        const mutated = header.slice();
        mutated[index] = (mutated[index] as number) ^ difference;
        try {
          const parsed = parsePdu(suite, mutated);
          expect(equalBytes(parsed.header, mutated)).toBe(true);
          expect(verifyPdu(suite, parsed, device.publicKey)).toBe(false);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
      { numRuns: 300 },
    );
  });
});

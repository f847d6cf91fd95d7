import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromUtf8, NobleSuite, SeededSecureRandom, utf8 } from '../base/index.ts';
import { parseAddress, parseConversationId, parsePduId } from './ids.ts';
import { bodyOf, createConversation, deviceIdOf, type PduContent, parseAnyHeader, parsePdu, signPdu } from './pdu.ts';
import { readPlainHeader } from './plain-header.ts';
import type { ProtocolError } from './protocol-error.ts';

const suite = new NobleSuite();
const device = suite.keyPair(new Uint8Array(32).fill(1));

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

describe('the two ways to read a header', () => {
  const address = fc
    .tuple(fc.stringMatching(/^[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,9}$/), fc.stringMatching(/^[a-z0-9]{1,9}$/))
    .map(([local, home]) => parseAddress(`${local}@${home}.example`));
  const contents = fc.record({
    type: fc.constantFrom('mail' as const, 'note' as const),
    conversation: fc.stringMatching(/^[0-9a-f]{32}$/).map(parseConversationId),
    author: address,
    depth: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
    prev: fc.uniqueArray(fc.stringMatching(/^[0-9a-f]{64}$/).map(parsePduId), { maxLength: 20 }),
    recipients: fc.uniqueArray(address, { minLength: 1, maxLength: 5 }),
    time: fc.nat(Number.MAX_SAFE_INTEGER),
    body: fc.record({ sha256: fc.stringMatching(/^[0-9a-f]{64}$/), size: fc.nat(Number.MAX_SAFE_INTEGER) }),
  });

  /** What reading said: the PDU, or the code of the refusal. */
  function outcomeOf(read: () => unknown): unknown {
    try {
      return read();
    } catch (error) {
      return (error as ProtocolError).code;
    }
  }

  test('say the same of every header of mail or a note, and the quick one reads it', () => {
    fc.assert(
      fc.property(contents, fc.boolean(), fc.nat(), (made, isFirst, seed) => {
        const random = new SeededSecureRandom(seed);
        const founding = isFirst ? { ...createConversation({ suite, random }, made.author), depth: 1, prev: [] } : {};
        const { header } = signPdu(suite, { ...made, ...founding, device: content.device }, device.secretKey);
        expect(readPlainHeader(fromUtf8(header))).toBeDefined();
        expect(parsePdu(suite, header)).toEqual(parseAnyHeader(suite, header));
      }),
      { numRuns: 100 },
    );
  });

  test('say the same of a header with a piece replaced, repeated or cut out', () => {
    const pieces = [
      '"',
      '\\',
      ',',
      '""',
      '","',
      '0',
      '-1',
      '9999999999999999',
      '@',
      '{',
      '}',
      '[',
      ']',
      ' ',
      'B',
      'é',
      '\u007f',
      '',
    ];
    const founding = createConversation({ suite, random: new SeededSecureRandom(1) }, content.author);
    const { header } = signPdu(suite, { ...content, ...founding, depth: 1, prev: [] }, device.secretKey);
    const text = fromUtf8(header);
    let read = 0;
    fc.assert(
      fc.property(
        fc.nat(text.length),
        fc.nat(3),
        fc.oneof(
          fc.constantFrom(...pieces),
          fc.nat(text.length - 8).map((at) => text.slice(at, at + 8)),
        ),
        (at, cut, piece) => {
          const changed = utf8(text.slice(0, at) + piece + text.slice(at + cut));
          const outcome = outcomeOf(() => parsePdu(suite, changed));
          if (typeof outcome !== 'string') read += 1;
          expect(outcome).toEqual(outcomeOf(() => parseAnyHeader(suite, changed)));
        },
      ),
      { numRuns: 3000 },
    );
    expect(read).toBeGreaterThan(0);
  });
});

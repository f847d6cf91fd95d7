import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromUtf8, NobleSuite, toBase64, utf8 } from '../base/index.ts';
import { encodeCanonicalJson, type Json } from './canonical-json.ts';
import { DOCUMENT_BYTES_MAX } from './limits.ts';
import { ProtocolError } from './protocol-error.ts';
import { countersignDocument, links, parseSignedDocument, signDocument } from './signed-document.ts';

const suite = new NobleSuite();
const owner = suite.keyPair(new Uint8Array(32).fill(1));
const home = suite.keyPair(new Uint8Array(32).fill(2));
const first = { version: 1, previous: null, name: 'first' };

function changed(bytes: Uint8Array, change: (document: Record<string, Json>) => void): Uint8Array {
  const document = JSON.parse(fromUtf8(bytes)) as Record<string, Json>;
  change(document);
  return encodeCanonicalJson(document);
}

const codeOf = (bytes: Uint8Array): string => {
  try {
    parseSignedDocument(suite, bytes);
    return 'accepted';
  } catch (error) {
    expect(error).toBeInstanceOf(ProtocolError);
    return (error as ProtocolError).code;
  }
};

describe('a signed document', () => {
  test('comes back with its content, version, hash and signers', () => {
    const bytes = signDocument(suite, first, [owner, home]);
    const document = parseSignedDocument(suite, bytes);
    expect(document).toMatchObject({ version: 1, previous: null, content: first });
    expect(document.signers).toEqual(new Set([toBase64(owner.publicKey), toBase64(home.publicKey)]));
    expect(document.hash).toBe(Buffer.from(suite.sha256(bytes)).toString('hex'));
  });

  test('countersigned keeps its first signature and gets another hash', () => {
    const bytes = signDocument(suite, first, [owner]);
    const document = parseSignedDocument(suite, countersignDocument(suite, bytes, home));
    expect(document.signers).toEqual(new Set([toBase64(owner.publicKey), toBase64(home.publicKey)]));
    expect(document.content).toEqual(first);
    expect(document.hash).not.toBe(parseSignedDocument(suite, bytes).hash);
  });

  test('without a signature is a document nobody signed', () => {
    expect(parseSignedDocument(suite, signDocument(suite, first, [])).signers.size).toBe(0);
  });

  test.each<[string, (document: Record<string, Json>) => void]>([
    [
      'a changed word',
      (document) => {
        document.name = 'other';
      },
    ],
    [
      'a word added',
      (document) => {
        document.more = 1;
      },
    ],
    [
      'a word taken away',
      (document) => {
        delete document.name;
      },
    ],
    [
      'the signature of another key',
      (document) => {
        document.signatures = {
          [toBase64(home.publicKey)]: Object.values(document.signatures as object)[0] as string,
        };
      },
    ],
    [
      'one wrong signature beside a right one',
      (document) => {
        document.signatures = {
          ...(document.signatures as object),
          [toBase64(home.publicKey)]: toBase64(new Uint8Array(64)),
        };
      },
    ],
    [
      'a signature that is no text',
      (document) => {
        document.signatures = { [toBase64(owner.publicKey)]: 1 };
      },
    ],
    [
      'a signature that is not base64',
      (document) => {
        document.signatures = { [toBase64(owner.publicKey)]: '!' };
      },
    ],
    [
      'a key that is not base64',
      (document) => {
        document.signatures = { '!': toBase64(new Uint8Array(64)) };
      },
    ],
    [
      'a key of small order',
      (document) => {
        document.signatures = { [toBase64(new Uint8Array(32))]: toBase64(new Uint8Array(64)) };
      },
    ],
  ])('with %s is refused as bad_signature', (_name, change) => {
    expect(codeOf(changed(signDocument(suite, first, [owner]), change))).toBe('bad_signature');
  });

  test.each<[string, Record<string, Json>]>([
    ['no version', { previous: null }],
    ['version 0', { version: 0, previous: null }],
    ['a version that is text', { version: '1', previous: null }],
    ['version 1 that names a document before it', { version: 1, previous: '00'.repeat(32) }],
    ['version 2 that names none', { version: 2, previous: null }],
    ['no previous at all', { version: 1 }],
    ['a previous in capitals', { version: 2, previous: 'AA'.repeat(32) }],
    ['a short previous', { version: 2, previous: '00' }],
    ['a previous that is a number', { version: 2, previous: 1 }],
  ])('with %s is refused as malformed', (_name, content) => {
    expect(codeOf(signDocument(suite, content, [owner]))).toBe('malformed');
  });

  test.each(['', 'null', '[]', '1', '"a"', '{}', '{"signatures":[]}', '{"signatures":null}', '{"signatures":1}'])(
    '%j is no signed document',
    (text) => {
      expect(codeOf(utf8(text))).toBe('malformed');
    },
  );

  test('with more signatures than owners ever have is refused before they are checked', () => {
    const signers = Array.from({ length: 9 }, (_, index) => suite.keyPair(new Uint8Array(32).fill(10 + index)));
    expect(codeOf(signDocument(suite, first, signers.slice(1)))).toBe('accepted');
    expect(codeOf(signDocument(suite, first, signers))).toBe('malformed');
  });

  test('beyond the limit is refused before it is parsed', () => {
    expect(codeOf(new Uint8Array(DOCUMENT_BYTES_MAX + 1))).toBe('too_large');
    const padding = 'x'.repeat(DOCUMENT_BYTES_MAX);
    expect(codeOf(signDocument(suite, { ...first, padding }, [owner]))).toBe('too_large');
  });

  test('whatever byte is changed, it is refused', () => {
    const bytes = signDocument(suite, first, [owner]);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (index, difference) => {
        const mutated = bytes.slice();
        mutated[index] = (mutated[index] as number) ^ difference;
        expect(codeOf(mutated)).not.toBe('accepted');
      }),
      { numRuns: 200 },
    );
  });

  test('links to the one before by version and hash, and to nothing else', () => {
    const one = parseSignedDocument(suite, signDocument(suite, first, [owner]));
    const document = (version: number, previous: string) =>
      parseSignedDocument(suite, signDocument(suite, { version, previous }, [owner]));
    expect(links(one, document(2, one.hash))).toBe(true);
    expect(links(one, document(3, one.hash))).toBe(false);
    expect(links(one, document(2, '00'.repeat(32)))).toBe(false);
    expect(links(one, one)).toBe(false);
  });
});

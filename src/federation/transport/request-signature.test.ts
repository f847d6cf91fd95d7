import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { fromUtf8, NobleSuite, toBase64, utf8 } from '../../base/index.ts';
import { encodeCanonicalJson, type Json, parseHomeName } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { AUTHORIZATION_CHARACTERS_MAX } from './limits.ts';
import {
  contentHash,
  isRequestSignature,
  parseAuthorization,
  requestBytes,
  type SignedRequest,
  signRequest,
} from './request-signature.ts';

const suite = new NobleSuite();
/** The seed of Matrix's vectors, in their spelling, which is not the canonical one; also that of the worked example. */
const KEYS = suite.keyPair(new Uint8Array(Buffer.from('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 'base64')));
const ORIGIN = parseHomeName('a.example');
const DESTINATION = parseHomeName('b.example');

/** Matrix specification, appendices, "Cryptographic Test Vectors": signing is Ed25519 over canonical JSON without `signatures` and `unsigned`. */
describe('the parts that requests are signed with sign as Matrix does', () => {
  function matrixSignature({ signatures: _s, unsigned: _u, ...signed }: { readonly [key: string]: Json }): string {
    return toBase64(suite.sign(encodeCanonicalJson(signed), KEYS.secretKey));
  }
  function matrixContentHash(event: { readonly [key: string]: Json }): string {
    const { signatures: _s, unsigned: _u, hashes: _h, ...hashed } = event;
    return toBase64(suite.sha256(encodeCanonicalJson(hashed)));
  }

  test('the public key', () => {
    expect(toBase64(KEYS.publicKey)).toBe('XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI');
  });

  test.each([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [{ one: 1, two: 'Two' }, 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw'],
  ])('JSON %j', (json, signature) => {
    expect(matrixSignature(json)).toBe(signature);
  });

  test('an event of minimal content', () => {
    const event = {
      room_id: '!x:domain',
      sender: '@a:domain',
      origin: 'domain',
      origin_server_ts: 1_000_000,
      type: 'X',
      content: {},
      prev_events: [],
      auth_events: [],
      depth: 3,
      unsigned: { age_ts: 1_000_000 },
    };
    const sha256 = matrixContentHash(event);
    expect(sha256).toBe('5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos');
    expect(matrixSignature({ ...event, hashes: { sha256 } })).toBe(
      'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg',
    );
  });

  test('a message, signed as redacted', () => {
    const event = {
      content: { body: 'Here is the message content' },
      event_id: '$0:domain',
      origin: 'domain',
      origin_server_ts: 1_000_000,
      type: 'm.room.message',
      room_id: '!r:domain',
      sender: '@u:domain',
      signatures: {},
      unsigned: { age_ts: 1_000_000 },
    };
    const sha256 = matrixContentHash(event);
    expect(sha256).toBe('onLKD1bGljeBWQhWZ1kaP9SorVmRQNdN5aM2JYU2n/g');
    expect(matrixSignature({ ...event, content: {}, hashes: { sha256 } })).toBe(
      'Wm+VzmOUOz08Ds+0NTWb1d4CZrVsJSikkeRxh6aCcUwu6pNC78FunoD7KNWzqFn241eYHYMGCA5McEiVPdhzBA',
    );
  });
});

describe('a signed request', () => {
  const request: SignedRequest = {
    method: 'PUT',
    uri: '/_restante/v1/send/4f.1.2.0',
    origin: ORIGIN,
    destination: DESTINATION,
    content: contentHash(suite, utf8('a transaction')),
  };
  const header = signRequest(suite, request, { node: 'a1', secretKey: KEYS.secretKey });

  /** docs/protocol/federation.md, Signing; the signature is OpenSSL's too. */
  test('is spelled as in the worked example', () => {
    expect(fromUtf8(requestBytes(request))).toBe(
      'restante request 1\n{"content":"6bc9e91ed170a2e2d97883ebee8849c7a5ab0de48ef6287ce17470205ea2e6ff","destination":"b.example","method":"PUT","origin":"a.example","uri":"/_restante/v1/send/4f.1.2.0"}',
    );
    expect(header).toBe(
      'Restante origin="a.example",destination="b.example",key="ed25519:a1",content="6bc9e91ed170a2e2d97883ebee8849c7a5ab0de48ef6287ce17470205ea2e6ff",sig="s1k82CahO2O4kWD85kuH/02SyMXkkhmUd0FurMWh4DK8maTEQ1U8NFl4JJVwzfVuHkjrKVnZaPlMqJ3MR9ykDg"',
    );
  });

  test('is the example that is published', async () => {
    const page = await readFile(new URL('../../../docs/protocol/federation.md', import.meta.url), 'utf8');
    expect(page).toContain(`\n${fromUtf8(requestBytes(request))}\n`);
    expect(page).toContain(`\n${header}\n`);
  });

  test('is read back as it was said, whatever the name of the node', () => {
    for (const node of ['a1', 'näme, "quoted" \\ = %41']) {
      const claim = parseAuthorization(signRequest(suite, request, { node, secretKey: KEYS.secretKey }));
      expect(claim).toMatchObject({ origin: ORIGIN, destination: DESTINATION, node, content: request.content });
      expect(isRequestSignature(suite, request, claim.signature, KEYS.publicKey)).toBe(true);
    }
  });

  test.each<[keyof SignedRequest, string | undefined]>([
    ['method', 'GET'],
    ['uri', '/_restante/v1/send/4f.1.2.1'],
    ['origin', 'c.example'],
    ['destination', 'c.example'],
    ['content', contentHash(suite, utf8('another'))],
    ['content', undefined],
  ])('is another one with another %s (%s)', (field, value) => {
    const { signature } = parseAuthorization(header);
    const other = { ...request, [field]: value } as SignedRequest;
    expect(isRequestSignature(suite, other, signature, KEYS.publicKey)).toBe(false);
  });

  test('without a body signs no content', () => {
    const { content: _, ...rest } = request;
    const bare = signRequest(
      suite,
      { ...rest, method: 'GET', content: undefined },
      { node: 'a1', secretKey: KEYS.secretKey },
    );
    expect(bare).not.toContain('content');
    expect(parseAuthorization(bare).content).toBeUndefined();
  });

  test.each([
    undefined,
    '',
    'Basic YTpi',
    'Restante',
    'Restante ',
    header.replace('Restante', 'restante'),
    header.replace('sig=', 'sgi='),
    header.replace('origin=', 'other='),
    header.replace(/key="ed25519:/, 'key="rsa:'),
    header.replace('ed25519:a1', 'ed25519:%'),
    header.replace(/sig="[^"]*"/, 'sig="*"'),
    header.replace(/content="[^"]*"/, 'content="ABC"'),
    header.replace('a.example', 'a..example'),
    header.replace(',', ', '),
    `${header},origin="c.example"`,
    `${header},x="${'x'.repeat(AUTHORIZATION_CHARACTERS_MAX)}"`,
  ])('is unsigned when its header is %j', (text) => {
    let failure: unknown;
    try {
      parseAuthorization(text);
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(FederationError);
    expect((failure as FederationError).code).toBe('unsigned');
  });
});

import { readFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { CodedError, DialError, type HttpAnswer, utf8 } from '../../base/index.ts';
import { ProtocolError } from '../../protocol/index.ts';
import { FederationError, type FederationErrorCode } from '../federation-error.ts';
import { asFederationError, fromDial, fromRefusal, toRefusal } from './error-table.ts';

const SAID: readonly FederationErrorCode[] = [
  'unsigned',
  'wrong_destination',
  'unknown_home',
  'unknown_key',
  'rotated_key',
  'bad_signature',
  'home_forked',
  'home_rolled_back',
  'forbidden',
  'refused',
  'not_found',
  'malformed',
  'too_large',
  'rate_limited',
  'unavailable',
];

function answerOf(error: FederationError): HttpAnswer {
  const { status, body, retryAfter } = toRefusal(error, false);
  const headers = retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) };
  return { status, headers, body: utf8(JSON.stringify(body)) };
}

describe('a refusal', () => {
  test('means at the other end what it means here, and is published so', async () => {
    const page = await readFile(new URL('../../../docs/protocol/federation.md', import.meta.url), 'utf8');
    for (const code of SAID) {
      const heard = fromRefusal('b.example', answerOf(new FederationError(code, 'why')));
      expect([heard.code, heard.message]).toEqual([code, 'b.example says: why']);
      const line = new RegExp(`^\\| \`${code}\` \\| ([0-9]+).*\\| (no|later) \\|$`, 'm').exec(page);
      expect([line?.[1], line?.[2]]).toEqual([String(heard.details.status), heard.retry === 'never' ? 'no' : 'later']);
    }
  });

  test('carries how long to wait', () => {
    const told = new FederationError('rate_limited', 'wait', { details: { retryAfterMs: 1_500 } });
    expect(fromRefusal('b.example', answerOf(told)).details).toEqual({
      heardFrom: 'b.example',
      status: 429,
      retryAfterMs: 2_000,
    });
  });

  test('tells nobody what we found out elsewhere', () => {
    for (const code of ['unreachable', 'timeout', 'address_refused', 'bad_answer'] as const) {
      const { body } = toRefusal(new FederationError(code, '10.0.0.1 is private', { fix: 'allow 10.0.0.1' }), false);
      expect(JSON.stringify(body)).not.toContain('10.0.0.1');
      expect(SAID).toContain(body.code);
    }
  });

  test('of a third home is none of the asker’s business: we are not available', () => {
    const heard = fromRefusal('c.example', { status: 403, headers: {}, body: utf8('{"code":"forbidden"}') });
    for (const error of [heard, new FederationError('home_forked', 'of c'), new FederationError('unknown_home', 'c')])
      expect(toRefusal(error, true)).toMatchObject({ status: 503, body: { code: 'unavailable', message: 'not now' } });
    // What it asked for itself, it is told.
    for (const code of ['forbidden', 'bad_signature', 'not_found'] as const)
      expect(toRefusal(new FederationError(code, 'why'), true).body).toEqual({ code, message: 'why' });
  });

  test.each([
    [400, 'refused'],
    [404, 'not_found'],
    [413, 'too_large'],
    [429, 'rate_limited'],
    [500, 'unavailable'],
    [502, 'unavailable'],
    [302, 'bad_answer'],
    [201, 'bad_answer'],
  ])('of status %i that is not ours is %s', (status, code) => {
    for (const body of ['<html>', 'null', '[]', '{"code":7}', '{"code":"unreachable","message":[]}', '\u0000\ufffd'])
      expect(fromRefusal('b.example', { status, headers: {}, body: utf8(body) }).code).toBe(code);
  });

  test('is a stranger’s words: cut short, without control characters, and no wait that is no number', () => {
    const body = utf8(JSON.stringify({ code: 'refused', message: `a\u001b[31m\n${'x'.repeat(1_000)}` }));
    const heard = fromRefusal('b.example', { status: 403, headers: { 'retry-after': 'soon' }, body });
    expect(heard.message).toMatch(/^b\.example says: a \[31m x+$/);
    expect(heard.message.length).toBeLessThan(330);
    expect(heard.details).toEqual({ heardFrom: 'b.example', status: 403 });
  });
});

describe('an error of a request', () => {
  test('of a codec is the asker’s; any other is ours', () => {
    expect(asFederationError(new ProtocolError('bad_chain', 'x'))?.code).toBe('malformed');
    expect(asFederationError(new ProtocolError('too_large', 'x'))?.code).toBe('too_large');
    expect(asFederationError(Object.assign(new Error('x'), { statusCode: 415 }))?.code).toBe('malformed');
    expect(asFederationError(new CodedError('malformed', 'of a store'))).toBeUndefined();
    expect(asFederationError(Object.assign(new Error('x'), { statusCode: 500 }))).toBeUndefined();
    expect([asFederationError('thrown text'), asFederationError(undefined)]).toEqual([undefined, undefined]);
  });

  test('of a dial keeps whether to try again', () => {
    const failure = fromDial('b.example', new DialError('timeout', 'slow', { retry: 'later', fix: 'wait' }));
    expect([failure.code, failure.retry, failure.fix]).toEqual(['timeout', 'later', 'wait']);
    expect(fromDial('b.example', new DialError('too_large', 'x')).code).toBe('bad_answer');
  });
});

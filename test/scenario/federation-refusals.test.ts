/** What the transport refuses: by name, before it is read, with nothing changed and nothing told. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { request as httpRequest } from 'undici';
import { describe, expect, test } from 'vitest';
import { fromUtf8, type Log, ManualClock, SILENT_LOG, utf8 } from '../../src/base/index.ts';
import { FederationError } from '../../src/federation/federation-error.ts';
import type { TransportLimits } from '../../src/federation/transport/index.ts';
import { REFRESH_INTERVAL_MS, REQUEST_TIMEOUT_MS } from '../../src/federation/transport/limits.ts';
import { contentHash, signRequest } from '../../src/federation/transport/request-signature.ts';
import { FEDERATION_BODY_BYTES_MAX, parseFeedId, parseHomeName, parsePduId } from '../../src/protocol/index.ts';
import { keyPairOf, never, suite, TransportHome } from '../harness/transport-home.ts';
import { until } from '../harness/until.ts';

const FEED = parseFeedId('cd'.repeat(32));
const SEND = '/_restante/v1/send/t.1';

async function openHomes(limits: Partial<TransportLimits> = {}) {
  const clock = new ManualClock(Date.UTC(2026, 0, 15));
  const errors: object[] = [];
  const log: Log = { ...SILENT_LOG, error: (fields) => errors.push(fields) };
  const a = await TransportHome.open({ clock, seed: 1 });
  const b = await TransportHome.open({ clock, seed: 2, limits, log });
  const c = await TransportHome.open({ clock, seed: 3 });
  return {
    a,
    b,
    c,
    clock,
    errors,
    async [Symbol.asyncDispose]() {
      for (const home of [a, b, c]) await home[Symbol.asyncDispose]();
    },
  };
}

interface Said {
  readonly method?: 'GET' | 'PUT';
  readonly uri?: string;
  readonly destination?: TransportHome;
  readonly node?: string;
  readonly secretKey?: Uint8Array;
  readonly signed?: Uint8Array;
}

/** The header with which `from` would sign a PUT of `body`, but for what a test says otherwise. */
function authorization(from: TransportHome, to: TransportHome, body: Uint8Array, said: Said = {}): string {
  const { method = 'PUT', uri = SEND, destination = to, node = 'a1', secretKey = from.nodeKey.secretKey } = said;
  const content = contentHash(suite, said.signed ?? body);
  const request = { method, uri, origin: from.home, destination: destination.home, content };
  return signRequest(suite, request, { node, secretKey });
}

async function put(to: TransportHome, header: string | undefined, body: Uint8Array, uri = SEND) {
  const headers = header === undefined ? {} : { authorization: header };
  const answer = await httpRequest(`http://${to.home}${uri}`, { method: 'PUT', headers, body });
  return { status: answer.statusCode, said: (await answer.body.json()) as { readonly code: string } };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => new Error('not refused'),
    (failure: unknown) => failure,
  );
  expect(error).toBeInstanceOf(FederationError);
  return (error as FederationError).code;
}

describe('who sends', () => {
  const BODY = utf8('a transaction');

  test('is refused unsigned, with a wrong destination, an unknown key, a wrong signature, another method, path or body', async () => {
    await using homes = await openHomes();
    const { a, b, c } = homes;
    const refused: readonly (readonly [string | undefined, string])[] = [
      [undefined, 'unsigned'],
      ['Bearer x', 'unsigned'],
      [authorization(a, b, BODY, { destination: c }), 'wrong_destination'],
      [authorization(b, b, BODY), 'refused'],
      [authorization(a, b, BODY, { node: 'a2' }), 'unknown_key'],
      [authorization(a, b, BODY, { secretKey: keyPairOf(77).secretKey }), 'bad_signature'],
      [authorization(a, b, BODY, { secretKey: a.homeKey.secretKey }), 'bad_signature'],
      [authorization(a, b, BODY, { method: 'GET' }), 'bad_signature'],
      [authorization(a, b, BODY, { uri: '/_restante/v1/send/t.2' }), 'bad_signature'],
    ];
    for (const [header, code] of refused) {
      const { status, said } = await put(b, header, BODY);
      expect([status, said.code]).toEqual([code === 'refused' ? 403 : 401, code]);
      expect(Object.keys(said).filter((key) => !['code', 'message', 'fix'].includes(key))).toEqual([]);
    }
    expect([b.service.asked, b.service.contacts]).toEqual([[], []]);
    // The origin is who signed the first lines; another body is still not delivered.
    const swapped = await put(b, authorization(a, b, BODY, { signed: utf8('another') }), BODY);
    expect([swapped.status, swapped.said.code]).toEqual([401, 'bad_signature']);
    expect(b.service.asked).toEqual([]);
    expect((await put(b, authorization(a, b, BODY), BODY).catch(() => undefined)) ?? 'bytes').toBe('bytes');
    expect(b.service.asked).toEqual([`send ${a.home} t.1 ${BODY.length}`]);
  });

  test('may rotate its key: the new one is learnt from its home document, the old one refused', async () => {
    await using homes = await openHomes();
    const { a, b, clock } = homes;
    const before = a.link();
    await before.pull(b.home, FEED, 0, never);
    a.nodeKey = keyPairOf(55);
    a.publish();
    await clock.advance(REFRESH_INTERVAL_MS);
    await a.link().pull(b.home, FEED, 0, never);
    expect(a.lookups).toBe(2);
    expect(await codeOf(before.pull(b.home, FEED, 0, never))).toBe('rotated_key');
    expect(b.service.asked).toHaveLength(2);
  });

  test('does not make us ask for its document more than once a minute', async () => {
    await using homes = await openHomes();
    const { a, b, clock } = homes;
    for (let sent = 0; sent < 5; sent++) await put(b, authorization(a, b, BODY, { node: `x${sent}` }), BODY);
    expect(a.lookups).toBe(1);
    await clock.advance(REFRESH_INTERVAL_MS);
    for (let sent = 0; sent < 5; sent++) await put(b, authorization(a, b, BODY, { node: `x${sent}` }), BODY);
    expect(a.lookups).toBe(2);
  });

  test('is refused when its home shows another history than before, and the operator is told', async () => {
    await using homes = await openHomes();
    const { a, b, clock, errors } = homes;
    await a.link().pull(b.home, FEED, 0, never);
    a.chain = [];
    a.publish({ time: 77 });
    await clock.advance(86_400_000);
    expect(await codeOf(a.link().pull(b.home, FEED, 0, never))).toBe('home_forked');
    expect(errors).toEqual([expect.objectContaining({ home: a.home, code: 'home_forked' })]);
    expect(b.service.asked).toHaveLength(1);
  });

  test('whose document cannot be found is told so, and nothing about our network', async () => {
    await using homes = await openHomes();
    const { a, b } = homes;
    b.resolver.addresses.set('localhost', ['10.0.0.1']);
    const { status, said } = await put(b, authorization(a, b, BODY), BODY);
    expect([status, said]).toEqual([401, { code: 'unknown_home', message: 'not now' }]);
  });
});

describe('what is sent', () => {
  test('is refused when it is too large, before it is read', async () => {
    await using homes = await openHomes();
    const { a, b } = homes;
    const url = new URL(`http://${b.home}`);
    // Only the head is ever sent: the answer does not wait for a body.
    const socket = connect(Number(url.port), '127.0.0.1');
    socket.write(`PUT ${SEND} HTTP/1.1\r\nHost: b\r\nContent-Length: ${FEDERATION_BODY_BYTES_MAX + 1}\r\n\r\n`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 413 .*"code":"too_large"/s);
    expect(await codeOf(a.link().send(b.home, 't.1', new Uint8Array(FEDERATION_BODY_BYTES_MAX + 1), never))).toBe(
      'too_large',
    );
    expect(b.service.asked).toEqual([]);
    // The largest that its decoder takes is read.
    await a.link().send(b.home, 't.1', new Uint8Array(FEDERATION_BODY_BYTES_MAX), never);
    expect(b.service.asked).toHaveLength(1);
  });

  test('is refused when it does not say how large it is', async () => {
    await using homes = await openHomes();
    const { a, b } = homes;
    const body = utf8('x');
    const headers = { authorization: authorization(a, b, body) };
    const answer = await httpRequest(`http://${b.home}${SEND}`, {
      method: 'PUT',
      headers,
      body: Readable.from([body]),
    });
    expect([answer.statusCode, await answer.body.json()]).toMatchObject([400, { code: 'malformed' }]);
    expect(b.service.asked).toEqual([]);
  });

  test.each([
    '/pull',
    '/pull?feed=xy&after=0',
    `/pull?feed=${FEED}&after=-1`,
    `/pull?feed=${FEED}&after=1e3`,
    '/pdu',
    '/pdu?id=short',
    `/pdu?${`id=${'01'.repeat(32)}&`.repeat(51)}`,
    '/state/nothing',
    `/state/${'0f'.repeat(16)}?after=${'x'.repeat(129)}`,
    `/backfill/${'0f'.repeat(16)}?limit=5`,
    '/account/nobody',
    '/account/a%00@home.example',
    '/nothing',
  ])('is refused when it is malformed: %s', async (path) => {
    await using homes = await openHomes();
    const { a, b } = homes;
    const uri = `/_restante/v1${path}`;
    const request = { method: 'GET', uri, origin: a.home, destination: b.home, content: undefined };
    const headers = { authorization: signRequest(suite, request, { node: 'a1', secretKey: a.nodeKey.secretKey }) };
    const answer = await httpRequest(`http://${b.home}${uri}`, { headers });
    expect([400, 404, 413]).toContain(answer.statusCode);
    expect(await answer.body.json()).toMatchObject({
      code: expect.stringMatching(/^(malformed|not_found|too_large)$/),
    });
    expect(b.service.asked).toEqual([]);
  });

  test('is answered with the code that the service throws, and with nothing when that is our own failure', async () => {
    await using homes = await openHomes();
    const { a, b, errors } = homes;
    const ids = [parsePduId('01'.repeat(32))];
    b.service.failure = new FederationError('forbidden', 'no members here', { fix: 'Join first.' });
    expect(await codeOf(a.link().pdus(b.home, ids, never))).toBe('forbidden');
    b.service.failure = new Error('/var/lib/secret: disk full');
    const failure = await a
      .link()
      .pdus(b.home, ids, never)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'unavailable', retry: 'later' });
    expect(String(failure)).not.toContain('secret');
    expect(errors).toHaveLength(1);
  });
});

describe('a flood from one home', () => {
  test('is told to wait, and harms no other', async () => {
    await using homes = await openHomes({ requestBurst: 5, requestsPerSecond: 1 });
    const { a, b, c, clock } = homes;
    const flood = await Promise.allSettled(Array.from({ length: 40 }, () => a.link().pull(b.home, FEED, 0, never)));
    const refused = flood
      .filter((result) => result.status === 'rejected')
      .map((result) => result.reason as FederationError);
    expect(refused).toHaveLength(35);
    expect(new Set(refused.map((error) => `${error.code} ${error.retry}`))).toEqual(new Set(['rate_limited later']));
    expect(refused[0]?.details.retryAfterMs).toBeGreaterThan(0);
    expect(fromUtf8((await c.link().pull(b.home, FEED, 0, never)) ?? utf8(''))).toBe('pulled');
    await clock.advance(1_000);
    expect(fromUtf8((await a.link().pull(b.home, FEED, 0, never)) ?? utf8(''))).toBe('pulled');
  });

  test('of large bodies takes only so much of our memory', async () => {
    await using homes = await openHomes({ bodyBytesInFlight: 3_000_000 });
    const { a, b, c } = homes;
    let open = (): void => undefined;
    b.service.gate = new Promise((resolve) => {
      open = resolve;
    });
    const body = new Uint8Array(1_000_000);
    const sends = ['1', '2', '3'].map((txn) => a.link().send(b.home, txn, body, never));
    await until(() => b.service.asked.length === 3);
    expect(await codeOf(a.link().send(b.home, '4', body, never))).toBe('rate_limited');
    const others = c.link().send(b.home, '1', body, never);
    await until(() => b.service.asked.length === 4);
    open();
    await Promise.all([...sends, others]);
    await a.link().send(b.home, '4', body, never);
  });
});

describe('time', () => {
  test('is up for a service that does not answer, and for a body that does not come', async () => {
    await using homes = await openHomes();
    const { a, b, clock } = homes;
    b.service.gate = new Promise(() => undefined);
    const slow = a.link().send(b.home, 't.1', utf8('x'), never);
    const refused = codeOf(slow);
    await until(() => b.service.asked.length === 1);
    const socket = connect(Number(new URL(`http://${b.home}`).port), '127.0.0.1');
    const header = authorization(a, b, utf8('x'));
    socket.write(`PUT ${SEND} HTTP/1.1\r\nHost: b\r\nAuthorization: ${header}\r\nContent-Length: 1\r\n\r\n`);
    await until(() => b.service.contacts.length === 2);
    await clock.advance(REQUEST_TIMEOUT_MS + 1);
    expect(await refused).toBe('unavailable');
    await once(socket, 'close');
    expect(b.service.asked).toHaveLength(1);
  });

  test('is not spent on an asker that has left', async () => {
    await using homes = await openHomes({ requestsInFlight: 1 });
    const { a, b } = homes;
    b.service.gate = new Promise(() => undefined);
    const leaving = new AbortController();
    const left = a
      .link()
      .send(b.home, 't.1', utf8('x'), leaving.signal)
      .catch((error: unknown) => error);
    await until(() => b.service.asked.length === 1);
    leaving.abort(new Error('left'));
    expect(await left).toEqual(new Error('left'));
    b.service.gate = undefined;
    await until(() => b.service.signals[0]?.aborted === true);
    // What it was let in with is given back.
    await a.link().send(b.home, 't.2', utf8('x'), never);
  });
});

describe('a private address', () => {
  test('is not connected to: by discovery, by a node URL, or by a redirect', async () => {
    await using homes = await openHomes();
    const { b, clock } = homes;
    await using outside = await TransportHome.open({ clock, seed: 9, isPublic: true });
    // Discovery: the name leads to this machine, which for a public home is private.
    expect(await codeOf(outside.link().pull(b.home, FEED, 0, never))).toBe('address_refused');
    const inner = parseHomeName('inner.example');
    for (const address of ['10.1.2.3', '169.254.169.254', '::1', 'fd00::1', '::ffff:127.0.0.1']) {
      outside.resolver.addresses.set(inner, [address]);
      await outside.directory.forget(inner);
      expect(await codeOf(outside.directory.find(inner, never))).toBe('address_refused');
    }
    expect(b.lookups).toBe(0);
  });

  test('is not reached by a redirect: none is followed', async () => {
    await using homes = await openHomes();
    const { a, b, c } = homes;
    b.redirect = `http://${c.home}/.well-known/restante`;
    expect(await codeOf(a.link().pull(b.home, FEED, 0, never))).toBe('unknown_home');
    expect([b.lookups, c.lookups]).toEqual([1, 0]);
  });

  test('is not reached by a node URL of another home', async () => {
    await using homes = await openHomes();
    const { a, b, c } = homes;
    const [node] = (await a.directory.find(b.home, never)).nodes;
    const urls = ['ws://10.1.2.3/client', 'http://x/', 'nonsense', `ws://localhost.example:1/client`];
    c.resolver.addresses.set('localhost.example', ['10.1.2.3']);
    b.publish({ nodes: [{ ...(node as NonNullable<typeof node>), urls }] });
    expect(await codeOf(c.link().pull(b.home, FEED, 0, never))).toBe('address_refused');
    expect(b.service.asked).toEqual([]);
  });

  test('is not spoken to in the clear, and neither is a public home', async () => {
    await using homes = await openHomes();
    const { a, b } = homes;
    a.resolver.addresses.set('inner.localhost', ['10.1.2.3']);
    expect(await codeOf(a.directory.find(parseHomeName('inner.localhost:80'), never))).toBe('address_refused');
    // Plain HTTP is served here, but not under this name.
    a.resolver.addresses.set('home.example', ['127.0.0.1']);
    const clear = parseHomeName(b.home.replace('localhost', 'home.example'));
    expect(await codeOf(a.directory.find(clear, never))).toBe('unreachable');
    expect(b.lookups).toBe(0);
  });
});

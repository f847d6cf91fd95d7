import { createECDH, createPublicKey, randomBytes, verify } from 'node:crypto';
import { decrypt } from 'http_ece';
import { describe, expect, test } from 'vitest';
import { ACCOUNT, CALLER, resultOf, TestAccount } from '../../../test/harness/jmap/test-account.ts';
import type { HttpRequest } from '../../base/index.ts';
import { PUSH_BACKOFF_MAX_MS, PUSH_FAILURES_MAX } from '../limits.ts';
import type { SetError } from '../protocol/errors.ts';

interface Answer {
  readonly created: Record<string, Record<string, string>> | null;
  readonly updated: Record<string, unknown> | null;
  readonly notCreated: Record<string, SetError> | null;
  readonly notUpdated: Record<string, SetError> | null;
  readonly notDestroyed: Record<string, SetError> | null;
}

const SUBSCRIPTION = { deviceClientId: 'd1', url: 'https://push.example/x?y' };

async function set(test: TestAccount, args: object, caller = CALLER): Promise<Answer> {
  const { methodResponses } = await test.request([['PushSubscription/set', args]], {}, caller);
  const [response] = methodResponses;
  if (response === undefined) throw new Error('no response');
  return resultOf<Answer>(response);
}

function jsonOf(request: HttpRequest | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(request?.body ?? []).toString());
}

async function verified(test: TestAccount, more: object = {}): Promise<string> {
  const { created } = await set(test, { create: { k: { ...SUBSCRIPTION, ...more } } });
  const id = created?.k?.id ?? '';
  await test.clock.advance(0);
  const { verificationCode } = jsonOf(test.pushed.requests.at(-1));
  await set(test, { update: { [id]: { verificationCode } } });
  return id;
}

describe('a push subscription', () => {
  test('is told nothing but its code before it has shown that', async () => {
    const test = await TestAccount.open();
    const { created } = await set(test, { create: { k: SUBSCRIPTION } });
    const id = created?.k?.id ?? '';
    expect(created?.k).toEqual({ id, keys: null, types: null, expires: '2026-03-08T12:00:00Z' });
    test.deliver('Subject: a\n\nb');
    await test.clock.advance(60_000);
    expect(test.pushed.requests.map(jsonOf)).toEqual([
      {
        '@type': 'PushVerification',
        pushSubscriptionId: id,
        verificationCode: expect.stringMatching(/^[a-z2-7]{16}$/),
      },
    ]);
    const wrong = await set(test, { update: { [id]: { verificationCode: 'guess' } } });
    expect(wrong.notUpdated?.[id]).toMatchObject({ type: 'invalidProperties', properties: ['verificationCode'] });
  });

  test('is told what changed of its types, with what a push service asks for', async () => {
    const test = await TestAccount.open();
    await verified(test, { types: ['Email', 'Other'] });
    test.deliver('Subject: a\n\nb');
    await test.clock.advance(0);
    const request = test.pushed.requests.at(-1);
    expect(request).toMatchObject({
      method: 'POST',
      url: SUBSCRIPTION.url,
      headers: { 'content-type': 'application/json', ttl: '604800' },
    });
    expect(jsonOf(request)).toEqual({
      '@type': 'StateChange',
      changed: { [ACCOUNT]: { Email: test.account.state('Email') } },
    });
  });

  test('is signed by the key that the session names', async () => {
    const test = await TestAccount.open();
    await verified(test);
    const { authorization = '' } = test.pushed.requests.at(-1)?.headers ?? {};
    const [, token = '', key = ''] = /^vapid t=([^,]+), k=(.+)$/.exec(authorization) ?? [];
    const { capabilities } = test.jmap.session(CALLER);
    expect(capabilities['urn:ietf:params:jmap:webpush-vapid']).toEqual({ applicationServerKey: key });
    const [head = '', claims = '', signature = ''] = token.split('.');
    const point = Buffer.from(key, 'base64url');
    const jwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    };
    const publicKey = createPublicKey({ key: jwk, format: 'jwk' });
    const isSigned = verify(
      'sha256',
      Buffer.from(`${head}.${claims}`),
      { key: publicKey, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    expect(isSigned).toBe(true);
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      aud: 'https://push.example',
      sub: 'mailto:operator@hub.example',
    });
  });

  test('gets what another implementation of the encryption opens', async () => {
    const test = await TestAccount.open();
    const privateKey = createECDH('prime256v1');
    const p256dh = privateKey.generateKeys('base64url');
    const authSecret = randomBytes(16);
    await set(test, { create: { k: { ...SUBSCRIPTION, keys: { p256dh, auth: authSecret.toString('base64url') } } } });
    await test.clock.advance(0);
    const request = test.pushed.requests.at(-1);
    expect(request?.headers['content-encoding']).toBe('aes128gcm');
    const opened = decrypt(Buffer.from(request?.body ?? []), { version: 'aes128gcm', privateKey, authSecret });
    expect(JSON.parse(opened.toString())).toMatchObject({ '@type': 'PushVerification' });
  });

  test('whose service is away is told later, with all that changed, and once', async () => {
    const test = await TestAccount.open();
    await verified(test, { types: ['Email'] });
    test.pushed.status = 503;
    test.deliver('Subject: a\n\nb');
    await test.clock.advance(0);
    test.deliver('Subject: c\n\nd');
    test.pushed.status = 201;
    const before = test.pushed.requests.length;
    await test.clock.advance(3_600_000);
    expect(test.pushed.requests.slice(before).map(jsonOf)).toEqual([
      { '@type': 'StateChange', changed: { [ACCOUNT]: { Email: test.account.state('Email') } } },
    ]);
  });

  /** Its service answers with one status after the other, and with the last for good. */
  function answering(test: TestAccount, statuses: readonly (() => number)[]): void {
    const answers = [...statuses];
    test.pushed.request = async (request) => {
      test.pushed.requests.push(request);
      const answer = answers.length > 1 ? answers.shift() : answers[0];
      return { status: answer?.() ?? 500, headers: {}, body: new Uint8Array(0) };
    };
  }

  test('is told later what changed while it was told something else', async () => {
    const test = await TestAccount.open();
    await verified(test, { types: ['Email'] });
    const begun = (): number => {
      test.deliver('Subject: meanwhile\n\n');
      return 201;
    };
    answering(test, [begun, () => 503, () => 201]);
    const before = test.pushed.requests.length;
    test.deliver('Subject: first\n\n');
    await test.clock.advance(PUSH_BACKOFF_MAX_MS);
    expect(test.pushed.requests.slice(before)).toHaveLength(3);
    expect(jsonOf(test.pushed.requests.at(-1))).toMatchObject({
      changed: { [ACCOUNT]: { Email: test.account.state('Email') } },
    });
  });

  test('stays if its service is back for the last try', async () => {
    const test = await TestAccount.open();
    const id = await verified(test, { types: ['Email'] });
    answering(test, [...Array.from({ length: PUSH_FAILURES_MAX }, () => () => 503), () => 201]);
    test.deliver('Subject: a\n\nb');
    await test.clock.advance(PUSH_FAILURES_MAX * PUSH_BACKOFF_MAX_MS);
    expect(test.store.objects.list('PushSubscription')).toMatchObject([{ id }]);
  });

  test('of somebody with many accounts is told of all of them, in messages that push services take', async () => {
    const test = await TestAccount.open();
    const privateKey = createECDH('prime256v1');
    const p256dh = privateKey.generateKeys('base64url');
    const authSecret = randomBytes(16);
    const opened = ({ body }: HttpRequest) =>
      JSON.parse(decrypt(Buffer.from(body ?? []), { version: 'aes128gcm', privateKey, authSecret }).toString());
    const { created } = await set(test, {
      create: { k: { ...SUBSCRIPTION, keys: { p256dh, auth: authSecret.toString('base64url') } } },
    });
    await test.clock.advance(0);
    const [verification] = test.pushed.requests;
    const { verificationCode } = verification === undefined ? {} : opened(verification);
    const accounts = Array.from({ length: 50 }, (_, index) => `another-account-${index}`);
    for (const account of accounts) test.addAccount(account);
    await set(test, { update: { [created?.k?.id ?? '']: { verificationCode } } });
    await test.clock.advance(0);
    const pushes = test.pushed.requests.slice(1);
    for (const { body } of pushes) expect(body?.length).toBeLessThanOrEqual(4096);
    const told = pushes.flatMap((request) => Object.keys(opened(request).changed));
    expect(new Set(told)).toEqual(new Set(accounts));
  });

  test('that its service has forgotten is dropped, and so is one that is over', async () => {
    const test = await TestAccount.open();
    await verified(test);
    const other = await verified(test, { expires: '2026-03-02T12:00:00Z' });
    test.pushed.status = 410;
    test.deliver('Subject: a\n\nb');
    await test.clock.advance(0);
    expect(test.store.objects.list('PushSubscription').filter(({ id }) => id !== other)).toEqual([]);
    await test.clock.advance(48 * 3_600_000);
    const { methodResponses } = await test.request([['PushSubscription/get', { ids: null }]]);
    expect(methodResponses[0]?.[1]).toEqual({ list: [], notFound: [] });
  });

  test('is seen only by the login that made it, and ends with it', async () => {
    const test = await TestAccount.open();
    const id = await verified(test);
    const other = { ...CALLER, credential: 'other' };
    const seen = await test.request([['PushSubscription/get', { ids: [id] }]], {}, other);
    expect(seen.methodResponses[0]?.[1]).toEqual({ list: [], notFound: [id] });
    expect((await set(test, { destroy: [id] }, other)).notDestroyed).toMatchObject({ [id]: { type: 'notFound' } });
    test.jmap.endCredential(CALLER.credential);
    expect(test.store.objects.list('PushSubscription')).toEqual([]);
  });

  test('never shows where it goes', async () => {
    const test = await TestAccount.open();
    await verified(test);
    for (const name of ['url', 'keys']) {
      const { methodResponses } = await test.request([['PushSubscription/get', { ids: null, properties: [name] }]]);
      expect(methodResponses[0]).toMatchObject(['error', { type: 'forbidden' }, 'c0']);
    }
  });

  test.each([
    [{ url: 'http://push.example/' }, ['url']],
    [{ keys: { p256dh: 'AAAA', auth: 'AAAA' } }, ['keys']],
    [{ expires: '2026-02-28T12:00:00Z' }, ['expires']],
    [{ verificationCode: 'x' }, ['verificationCode']],
    [{ deviceClientId: 7 }, ['deviceClientId']],
  ])('is not made with %j', async (wrong, properties) => {
    const test = await TestAccount.open();
    const { notCreated } = await set(test, { create: { k: { ...SUBSCRIPTION, ...wrong } } });
    expect(notCreated?.k).toMatchObject({ type: 'invalidProperties', properties });
  });
});

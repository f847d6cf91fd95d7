import { describe, expect, test } from 'vitest';
import { ACCOUNT, CALLER, MAILBOXES, TestAccount } from '../../test/harness/jmap/test-account.ts';
import { CORE_LIMITS } from './limits.ts';
import { RequestError } from './protocol/errors.ts';

const signal = new AbortController().signal;
const echo = Buffer.from(
  JSON.stringify({ using: ['urn:ietf:params:jmap:core'], methodCalls: [['Core/echo', {}, '0']] }),
);

/** Which limit a request was refused by. */
const limitOf = (error: unknown): unknown => (error instanceof RequestError ? [error.limit, error.status] : error);

describe('what the session promises', () => {
  test('is as many requests at once, and no more', async () => {
    const { jmap } = await TestAccount.open();
    const ask = () => jmap.api(echo, CALLER, signal).then(() => 'answered', limitOf);
    const all = await Promise.all(Array.from({ length: CORE_LIMITS.maxConcurrentRequests + 1 }, ask));
    expect(all.filter((one) => one === 'answered')).toHaveLength(CORE_LIMITS.maxConcurrentRequests);
    expect(all.at(-1)).toEqual(['maxConcurrentRequests', 429]);
    expect(await ask()).toBe('answered');
  });

  test('is as many uploads at once, and no more', async () => {
    const { jmap } = await TestAccount.open();
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const upload = () =>
      jmap.upload(
        ACCOUNT,
        (async function* () {
          yield Buffer.from('octets');
          await finished;
        })(),
        signal,
      );
    const under = Array.from({ length: CORE_LIMITS.maxConcurrentUpload }, upload);
    expect(await upload().catch(limitOf)).toEqual(['maxConcurrentUpload', 429]);
    finish();
    expect(await Promise.all(under)).toHaveLength(CORE_LIMITS.maxConcurrentUpload);
    expect(await upload()).toMatchObject({ size: 6 });
  });

  test.each(['Mailbox/get', 'Thread/get', 'Email/get', 'Identity/get', 'EmailSubmission/get'])(
    'is as many objects in %s',
    async (method) => {
      const test = await TestAccount.open();
      const ids = Array.from({ length: CORE_LIMITS.maxObjectsInGet }, (_, index) => `x${index}`);
      expect(await test.call(method, { ids })).toMatchObject({ notFound: ids });
      await expect(test.call(method, { ids: [...ids, 'more'] })).rejects.toThrow('requestTooLarge');
    },
  );

  test.each(['Mailbox/set', 'Email/set', 'Identity/set', 'EmailSubmission/set'])(
    'is as many objects in %s',
    async (method) => {
      const test = await TestAccount.open();
      const destroy = Array.from({ length: CORE_LIMITS.maxObjectsInSet }, (_, index) => `x${index}`);
      expect(await test.call(method, { destroy })).toMatchObject({ destroyed: null });
      const update = { [MAILBOXES.inbox]: {} };
      await expect(test.call(method, { destroy, update })).rejects.toThrow('requestTooLarge');
    },
  );

  test('names a primary account for what accounts have, and not for the core', async () => {
    const { primaryAccounts } = (await TestAccount.open()).jmap.session(CALLER);
    expect(primaryAccounts['urn:ietf:params:jmap:mail']).toBe(ACCOUNT);
    expect(primaryAccounts).not.toHaveProperty('urn:ietf:params:jmap:core');
  });
});

import { describe, expect, test } from 'vitest';
import { END, StoreThread } from './store-thread.ts';

type TestCalls = {
  readonly echo: { readonly request: { readonly text: string }; readonly reply: { readonly text: string } };
};

/** A thread that does what `onMessage` says with `message`, `parentPort` and `workerData`. */
function thread(onMessage: string): StoreThread<TestCalls> {
  const code = `import { parentPort, workerData } from 'node:worker_threads';
    parentPort.on('message', (message) => { if (message === '${END}') parentPort.close(); else { ${onMessage} } });`;
  return new StoreThread<TestCalls>('test', new URL(`data:text/javascript,${encodeURIComponent(code)}`));
}

const ECHO = 'parentPort.postMessage({ id: message.id, reply: message.request });';

describe('StoreThread', () => {
  test('each call gets its own answer', async () => {
    const echo = thread(ECHO);
    const texts = Array.from({ length: 20 }, (_, i) => String(i));
    const replies = await Promise.all(texts.map((text) => echo.call('echo', { text })));
    expect(replies.map((reply) => reply.text)).toEqual(texts);
    await echo.end();
    await echo.end();
  });

  test('an error of the thread comes back as a StoreError with all it says', async () => {
    const error = { code: 'disk_full', message: 'full', fix: 'free', retry: 'later', details: { errcode: 13 } };
    const failing = thread(`parentPort.postMessage({ id: message.id, error: ${JSON.stringify(error)} });`);
    await expect(failing.call('echo', { text: '' })).rejects.toMatchObject({ name: 'StoreError', ...error });
    await failing.end();
  });

  test.each([
    ['throws', "throw new Error('broken');"],
    ['exits', 'process.exit(3);'],
    ['runs out of work', 'parentPort.close();'],
  ])('a thread that %s rejects what waits and whatever comes later', async (_, onMessage) => {
    const dying = thread(onMessage);
    const lost = { code: 'failed', message: /test thread has ended/ };
    const calls = [dying.call('echo', { text: 'a' }), dying.call('echo', { text: 'b' })];
    for (const call of calls) await expect(call).rejects.toMatchObject({ code: lost.code });
    await expect(dying.call('echo', { text: 'c' })).rejects.toThrow(lost.message);
    await dying.end();
  });

  test('a thread that is to end sees it amid a call, which ends as it says; then the thread is gone', async () => {
    const busy = thread(`while (Atomics.load(workerData.ending, 0) === 0); ${ECHO}`);
    const call = busy.call('echo', { text: 'a' });
    await busy.end();
    expect(await call).toEqual({ text: 'a' });
    await expect(busy.call('echo', { text: 'b' })).rejects.toMatchObject({ code: 'failed' });
    await busy.end();
  });
});

import { describe, expect, test } from 'vitest';
import type { OpenedBody } from './body.ts';
import type { BodyBinding } from './body-binding.ts';
import type { BodyWorker, OpenJob } from './body-worker.ts';
import { openAll } from './bulk.ts';
import type { ReadMime } from './mime-reading.ts';
import { VaultError } from './vault-error.ts';

/** A worker whose jobs the test settles one by one, in the order it likes. */
class HandWorker implements BodyWorker {
  readonly parallelism = 2;
  readonly jobs: { readonly resolve: (opened: OpenedBody) => void; readonly reject: (error: unknown) => void }[] = [];

  open(): Promise<OpenedBody> {
    return new Promise((resolve, reject) => this.jobs.push({ resolve, reject }));
  }

  seal(): Promise<Uint8Array> {
    throw new Error('nothing is sealed here');
  }

  read(): Promise<ReadMime> {
    throw new Error('nothing is read here');
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

const opened = (value: number): OpenedBody => ({ mime: Uint8Array.of(value), verification: { status: 'unsigned' } });

function setup(count: number) {
  const worker = new HandWorker();
  const drawn: number[] = [];
  function* source(): Generator<OpenJob> {
    for (let index = 0; index < count; index++) {
      drawn.push(index);
      yield { body: Uint8Array.of(index), signers: [], binding: {} as BodyBinding };
    }
  }
  return { worker, drawn, results: openAll(worker, source()) };
}

const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

describe('bodies in bulk', () => {
  test('come in the order of the jobs, however they are done', async () => {
    const { worker, results } = setup(3);
    const all = collect(results);
    await settle();
    for (const index of [2, 0, 1]) worker.jobs[index]?.resolve(opened(index));
    expect(await all).toEqual([0, 1, 2].map((value) => ({ ok: true, result: opened(value) })));
  });

  test('no more jobs are drawn than keep the worker busy, until the first is taken', async () => {
    const { worker, drawn, results } = setup(100);
    const first = results.next();
    await settle();
    expect(drawn.length).toBe(2 * worker.parallelism);
    worker.jobs[0]?.resolve(opened(0));
    expect((await first).value).toEqual({ ok: true, result: opened(0) });
    await settle();
    expect(drawn.length).toBe(2 * worker.parallelism);
    await results.return(undefined);
  });

  test('one that is refused is told in its place and stops nothing', async () => {
    const { worker, results } = setup(3);
    const all = collect(results);
    await settle();
    const error = new VaultError('tampered', 'changed');
    worker.jobs[1]?.reject(error);
    worker.jobs[2]?.resolve(opened(2));
    worker.jobs[0]?.resolve(opened(0));
    expect(await all).toEqual([
      { ok: true, result: opened(0) },
      { ok: false, error },
      { ok: true, result: opened(2) },
    ]);
  });

  test.each([
    ['the worker is closed', new VaultError('closed', 'closed')],
    ['the caller aborts', new DOMException('enough', 'AbortError')],
    ['we made a mistake', new Error('invariant broken')],
  ])('end when %s', async (_, error) => {
    const { worker, results } = setup(3);
    const all = collect(results);
    await settle();
    for (const job of worker.jobs) job.reject(error);
    await expect(all).rejects.toBe(error);
  });
});

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

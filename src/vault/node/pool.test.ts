import { describe, expect, test } from 'vitest';
import { createAccount, describeBodyWorker, openJob, sealJob } from '../body-worker.contract.ts';
import { JOBS_PER_THREAD, QUEUED_JOBS_PER_THREAD } from '../limits.ts';
import type { VaultError } from '../vault-error.ts';
import { VaultPool, type VaultPoolOptions } from './pool.ts';

const unexpected = {
  onThreadLost: (error: VaultError): void => {
    throw error;
  },
};

describeBodyWorker('the vault pool', (secrets) => VaultPool.open(unexpected, { secrets, threads: 2 }));

const dyingWorker = new URL('./fixtures/dying-worker.mjs', import.meta.url);

async function setup(options: Partial<VaultPoolOptions>) {
  const account = await createAccount();
  const lost: VaultError[] = [];
  const deps = { onThreadLost: (error: VaultError) => void lost.push(error) };
  const pool = await VaultPool.open(deps, { secrets: account.secrets, threads: 1, ...options });
  const seal = (text: string, signal?: AbortSignal) => pool.seal(sealJob(account, text), signal);
  return { account, lost, pool, seal, [Symbol.asyncDispose]: () => pool[Symbol.asyncDispose]() };
}

describe('a thread that dies', () => {
  test.each(['exit', 'throw'])('by %s takes its jobs with it, typed, and is replaced', async (how) => {
    await using world = await setup({ threadUrl: dyingWorker });
    const { account, lost, pool, seal } = world;
    const before = await seal('before');
    await expect(seal(how)).rejects.toMatchObject({ code: 'worker_lost', retry: 'now' });
    expect(lost).toHaveLength(1);
    const body = await seal('after');
    for (const sealed of [before, body])
      expect((await pool.open(openJob(account, sealed))).verification.status).toBe('verified');
  });

  test('loses no job that was still in the queue, and the pool still closes', async () => {
    await using world = await setup({ threadUrl: dyingWorker, threads: 2 });
    const jobs = Array.from({ length: 60 }, (_, index) =>
      world.seal(index === 20 || index === 40 ? 'exit' : `${index}`),
    );
    const closing = world.pool[Symbol.asyncDispose]();
    const outcomes = await Promise.allSettled(jobs);
    await closing;
    const codes = outcomes.map((outcome) => (outcome.status === 'fulfilled' ? 'ok' : outcome.reason.code));
    expect(codes.filter((code) => code === 'worker_lost').length).toBeLessThanOrEqual(2 * JOBS_PER_THREAD);
    expect(codes.filter((code) => code === 'ok').length).toBeGreaterThanOrEqual(60 - 2 * JOBS_PER_THREAD);
    expect(world.lost).toHaveLength(2);
  });

  test('before it is ready, again and again, ends the opening with the reason', async () => {
    const threadUrl = new URL('data:text/javascript,throw new Error("no such library")');
    const opening = setup({ threadUrl });
    await expect(opening).rejects.toMatchObject({ code: 'worker_lost' });
    await expect(opening).rejects.toHaveProperty('cause.message', expect.stringContaining('no such library'));
  });
});

describe('the queue of a pool', () => {
  test('a job aborted while it waits never runs, and its place is free', async () => {
    await using world = await setup({ threadUrl: dyingWorker });
    const controller = new AbortController();
    const ahead = Array.from({ length: JOBS_PER_THREAD }, (_, index) => world.seal(`${index}`));
    const doomed = world.seal('exit', controller.signal);
    controller.abort();
    await expect(doomed).rejects.toMatchObject({ name: 'AbortError' });
    await Promise.all(ahead);
    await world.seal('after');
    expect(world.lost).toEqual([]);
  });

  test('when it is full the next wait in line for room, and an aborted one leaves the line', async () => {
    await using world = await setup({});
    const controller = new AbortController();
    const full = JOBS_PER_THREAD + QUEUED_JOBS_PER_THREAD;
    const first = Array.from({ length: full }, (_, index) => world.seal(`${index}`));
    const order: number[] = [];
    const inLine = [1, 2, 3].map((place) =>
      world.seal('in line', place === 2 ? controller.signal : undefined).then(() => order.push(place)),
    );
    controller.abort();
    await expect(inLine[1]).rejects.toMatchObject({ name: 'AbortError' });
    await Promise.all([inLine[0], inLine[2], ...first]);
    expect(order.toSorted()).toEqual([1, 3]);
  });

  test('who waits for room when the pool closes is refused', async () => {
    await using world = await setup({});
    const full = JOBS_PER_THREAD + QUEUED_JOBS_PER_THREAD;
    const first = Array.from({ length: full }, (_, index) => world.seal(`${index}`));
    const late = expect(world.seal('late')).rejects.toMatchObject({ code: 'closed' });
    await world.pool[Symbol.asyncDispose]();
    await late;
    expect(await Promise.all(first)).toHaveLength(full);
  });
});

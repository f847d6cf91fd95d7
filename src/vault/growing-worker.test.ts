import { expect, test } from 'vitest';
import { ManualClock } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import type { AccountSecrets } from './account-secrets.ts';
import { createAccount, describeBodyWorker, sealJob } from './body-worker.contract.ts';
import { InThreadBodyWorker } from './body-worker.ts';
import { GrowingBodyWorker } from './growing-worker.ts';
import { JOBS_BEFORE_THREADS } from './limits.ts';

function inThread(secrets: AccountSecrets): InThreadBodyWorker {
  return new InThreadBodyWorker({ clock: new ManualClock(1_767_400_000_000), random: new SystemRandom() }, { secrets });
}

describeBodyWorker(
  'the growing body worker',
  async (secrets) => new GrowingBodyWorker({ few: inThread(secrets), openMany: async () => inThread(secrets) }),
);

test('another worker is opened when many jobs have come, once, and what it cannot do is said', async () => {
  const account = await createAccount();
  let opened = 0;
  await using worker = new GrowingBodyWorker({
    few: inThread(account.secrets),
    openMany: async () => {
      opened += 1;
      throw new Error('no threads');
    },
  });
  for (let i = 0; i < JOBS_BEFORE_THREADS; i++) await worker.seal(sealJob(account, 'one of few'));
  expect(opened).toBe(0);
  // It is opened beside the work that is under way; that it failed is told to the next.
  await worker.seal(sealJob(account, 'one too many'));
  await expect(worker.seal(sealJob(account, 'the next'))).rejects.toThrow('no threads');
  expect(opened).toBe(1);
});

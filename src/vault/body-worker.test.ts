import { ManualClock } from '../base/index.ts';
import { SystemRandom } from '../base/system/index.ts';
import { describeBodyWorker } from './body-worker.contract.ts';
import { InThreadBodyWorker } from './body-worker.ts';

describeBodyWorker('the in-thread body worker', async (secrets) => {
  const deps = { clock: new ManualClock(1_767_400_000_000), random: new SystemRandom() };
  return new InThreadBodyWorker(deps, { secrets });
});

/** One process of `npm run sim`: runs the stretches of seeds that it is given, and says what came of each. */
import { SodiumSuite } from '../../src/base/system/index.ts';
import { HomePapers } from '../../src/sim/home-papers.ts';
import { OpenSuite } from '../../src/sim/open-suite.ts';
import { type KINDS, runStretch, type Stretch } from './stretch.ts';

const kind = process.argv[2] as keyof typeof KINDS;
const papers = new HomePapers(new OpenSuite(new SodiumSuite()));
let isStopped = false;
// The terminal interrupts every process of the group; the one that hands out seeds says what that means here.
process.on('SIGINT', () => undefined);
process.on('disconnect', () => process.exit(1));
process.on('message', (message: Stretch | 'stop') => {
  if (message === 'stop') {
    isStopped = true;
    return;
  }
  void runStretch(kind, papers, message, () => !isStopped).then((outcome) => process.send?.(outcome));
});

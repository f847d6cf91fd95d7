/** The thread of `ThreadedStretcher`: a password and parameters in, a key out. */
import { parentPort } from 'node:worker_threads';
import { invariant } from '../../base/index.ts';
import { SodiumSuite } from '../../base/system/index.ts';
import type { EnrolmentParameters } from '../../protocol/index.ts';
import { derivePasswordKeys } from '../../vault/index.ts';
import type { Stretched } from './stretcher.ts';

invariant(parentPort !== null, 'this file runs as a worker');
const port = parentPort;
const suite = new SodiumSuite();

port.on('message', ({ password, parameters }: { password: string; parameters: EnrolmentParameters }) => {
  derivePasswordKeys(suite, password, parameters).then(
    ({ vaultKey }) => port.postMessage({ key: vaultKey } satisfies Stretched),
    (error: Error) => port.postMessage({ failed: error.message } satisfies Stretched),
  );
});

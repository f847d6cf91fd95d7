/** A thread that verifies batches of signatures: each message is a buffer, its answer the same buffer with the verdicts. */
import { parentPort } from 'node:worker_threads';
import { invariant } from '../errors.ts';
import { judgeBatch } from './signature-batch.ts';
import { SodiumSuite } from './sodium-suite.ts';

export interface BatchMessage {
  readonly buffer: ArrayBuffer;
  readonly count: number;
}

const port = parentPort;
invariant(port !== null, 'this file runs in a worker thread');
const suite = new SodiumSuite();
port.on('message', ({ buffer, count }: BatchMessage) => {
  judgeBatch(suite, buffer, count);
  port.postMessage(buffer, [buffer]);
});

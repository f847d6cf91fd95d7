/** The reader thread. */
import { parentPort } from 'node:worker_threads';
import { createReaderHandlers } from './reader-calls.ts';
import { serveCalls } from './store-thread.ts';

serveCalls(parentPort, createReaderHandlers());

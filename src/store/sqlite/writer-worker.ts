/** The writer thread. */
import { parentPort } from 'node:worker_threads';
import { serveCalls } from './store-thread.ts';
import { createWriterHandlers } from './writer-calls.ts';

serveCalls(parentPort, createWriterHandlers());

/** The thread of `ThreadedHomeCheck`: an address and a password in, what their home says out. Nothing of it is kept. */
import { parentPort } from 'node:worker_threads';
import { CodedError, invariant } from '../../../base/index.ts';
import { unlockAccount } from '../../../client/index.ts';
import type { Address } from '../../../protocol/index.ts';
import { MemoryStore } from '../../../store/index.ts';
import { STOP } from '../agent-thread.ts';
import { createThreadLog } from '../thread-log.ts';
import { refusalOf } from './joining.ts';
import { openThreadDeps, type Reach } from './thread-deps.ts';

export interface HomeQuestion extends Reach {
  readonly id: number;
  readonly address: Address;
  readonly password: string;
}

export type HomeAnswer =
  | { readonly id: number; readonly status: 'right' }
  | { readonly id: number; readonly status: 'refused'; readonly code: string; readonly message: string };

const parent = parentPort;
invariant(parent !== null, 'this file runs in a worker thread');
const log = createThreadLog(parent);
const answer = (said: HomeAnswer): void => parent.postMessage(said);

const stopping = new AbortController();
parent.on('message', (question: HomeQuestion | typeof STOP) => {
  if (question === STOP) {
    stopping.abort();
    parent.close();
    return;
  }
  ask(question).catch((error: unknown) => {
    // The end of the thread is what whoever waits sees.
    setImmediate(() => {
      throw error;
    });
  });
});

async function ask({ id, ...question }: HomeQuestion): Promise<void> {
  // Whoever waits no longer does not hear.
  const { signal } = stopping;
  try {
    await unlockAccount({ ...openThreadDeps(log, question), store: new MemoryStore() }, question, signal);
    answer({ id, status: 'right' });
  } catch (error) {
    if (signal.aborted) return;
    const refusal = refusalOf(error);
    if (!(refusal instanceof CodedError)) throw error;
    answer({ id, status: 'refused', code: refusal.code, message: refusal.message });
  }
}

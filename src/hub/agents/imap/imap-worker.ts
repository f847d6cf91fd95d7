/** The thread of the agent of one IMAP account. What it needs to know it asks for over its line. */
import { type MessagePort, parentPort } from 'node:worker_threads';
import { invariant } from '../../../base/index.ts';
import { SystemClock } from '../../../base/system/index.ts';
import { createThreadLog } from '../thread-log.ts';
import { ImapAgent } from './imap-agent.ts';

const parent = parentPort;
invariant(parent !== null, 'this file runs in a worker thread');

parent.once('message', ({ port }: { readonly port: MessagePort }) => {
  const agent = new ImapAgent({ clock: new SystemClock(), log: createThreadLog(parent), port });
  parent.once('message', () => {
    void agent[Symbol.asyncDispose]().then(() => {
      port.close();
      parent.close();
    });
  });
});

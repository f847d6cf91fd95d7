/** The log of an agent's thread, written by the thread that started it. */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Log } from '../../base/index.ts';

export interface ThreadLine {
  readonly type: 'log';
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

export function createThreadLog(parent: MessagePort): Log {
  const write =
    (level: keyof Log) =>
    (fields: object, message: string): void =>
      parent.postMessage({ type: 'log', level, fields: cloneable(fields), message } satisfies ThreadLine);
  return { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
}

export function writeThreadLog(log: Log, worker: Worker, thread: string): void {
  worker.on('message', (line: ThreadLine) => {
    if (line.type === 'log') log[line.level]({ ...line.fields, thread }, line.message);
  });
}

/** Fields as the other side can log them: an error as what it says. */
function cloneable(fields: object): object {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      value instanceof Error ? { type: value.name, message: value.message, stack: value.stack } : plain(value),
    ]),
  );
}

function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : value;
}

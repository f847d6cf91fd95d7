/** The log of an agent's thread, written by the thread that started it. */
import type { MessagePort, Worker } from 'node:worker_threads';
import type { Log } from '../../base/index.ts';

export interface ThreadLine {
  readonly type: 'log';
  readonly level: keyof Log;
  readonly fields: object;
  readonly message: string;
}

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;

export function createThreadLog(parent: MessagePort): Log {
  const entries = LEVELS.map((level) => [
    level,
    (fields: object, message: string) => {
      const line: ThreadLine = { type: 'log', level, fields: cloneable(fields), message };
      parent.postMessage(line);
    },
  ]);
  return Object.fromEntries(entries) as unknown as Log;
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

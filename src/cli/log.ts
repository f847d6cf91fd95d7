/** Logs of the running program: JSON lines on stderr, without secrets. */
import { destination, pino } from 'pino';
import type { Log } from '../base/index.ts';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Fields whose value never reaches a log, wherever they stand: a net under callers who log no secrets. */
const SECRET_FIELDS = [
  'password',
  'invite',
  'secret',
  'secretKey',
  'recoveryCode',
  'storageKey',
  'body',
  'authorization',
];

const STDERR = 2;

export function createLog(level: LogLevel): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]), censor: '(hidden)' },
    },
    // Synchronous: the last lines before an end are the ones that are wanted.
    destination({ fd: STDERR, sync: true }),
  );
}

/** The log of a component's process: JSON lines on stderr, which its control server shares with it; no secrets. */
import { destination, pino, stdTimeFunctions } from 'pino';
import type { Log } from '../../base/index.ts';

/** Fields whose value never reaches a log, wherever they stand: a net under callers who log no secrets. */
const SECRET_FIELDS = ['password', 'secret', 'secretKey', 'hubKey', 'storageKey', 'body', 'authorization'];
const STDERR = 2;

export function createProcessLog(level: 'debug' | 'info' | 'warn' | 'error'): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: { paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`]), censor: '(hidden)' },
    },
    destination({ fd: STDERR, sync: true }),
  );
}

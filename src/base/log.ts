/** Where a program tells its operator what happened: structured fields, never secrets. pino satisfies it. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const quiet = (): void => {};
/** Says nothing: for tests that do not look. */
export const SILENT_LOG: Log = Object.freeze({ debug: quiet, info: quiet, warn: quiet, error: quiet });

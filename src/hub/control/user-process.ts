/** One process of a user server, from its place in the queue to its end: what `UserServer` knows of it. */
import type { InstanceId, SessionId } from '../component/ids.ts';
import type { AccountLag } from '../component/user-server-protocol.ts';
import type { Child, ProcessFigures } from './spawner.ts';

export interface UserProcess {
  readonly instance: InstanceId;
  readonly cancel: AbortController;
  readonly sessions: Set<SessionId>;
  /** Its turn to start: given up when it serves. */
  turn: Disposable | undefined;
  /** Resolves when the process, and all that was begun for it, has ended. */
  ended: Promise<void>;
  child: Child | undefined;
  figures: ProcessFigures | undefined;
  lags: readonly AccountLag[];
  startedAt: number | undefined;
}

export function createProcess(instance: InstanceId, cancel: AbortController): UserProcess {
  return {
    instance,
    cancel,
    sessions: new Set(),
    turn: undefined,
    ended: Promise.resolve(),
    child: undefined,
    figures: undefined,
    lags: [],
    startedAt: undefined,
  };
}

/** One process of a user server, from its place in the queue to its end: what `UserServer` knows of it. */
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { InstanceId, SessionId } from '../component/ids.ts';
import type { AccountLag } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { birthOf } from './adopted-child.ts';
import { RELIEVE_TIMEOUT_MS } from './limits.ts';
import type { LivingUserServer } from './relief.ts';
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
  fence: number;
  /** Aborted when it goes on under another control server. */
  readonly left: AbortController;
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
    fence: 0,
    left: new AbortController(),
  };
}

/** Tells a process that its control server is relieved; undefined when it does not answer in time. */
export async function letGo(
  component: Component,
  user: Address,
  process: UserProcess,
  signal: AbortSignal,
): Promise<Omit<LivingUserServer, 'failures'> | undefined> {
  const { child, fence, instance } = process;
  if (child === undefined) return undefined;
  try {
    await component.request(instance, 'relieve', {}, { user, signal, timeoutMs: RELIEVE_TIMEOUT_MS });
  } catch (error) {
    if (error instanceof HubError) return undefined;
    throw error;
  }
  process.left.abort();
  return { user, instance, pid: child.pid, bornAt: birthOf(child.pid), fence };
}

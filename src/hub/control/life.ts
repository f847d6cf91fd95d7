/**
 * The life of one user server as a pure function: when it starts, stops, is ended, rests after a crash, and when it is given
 * up for a while. The driver (`user-server.ts`) has the process; here are only times and counts.
 */
import {
  BREAKER_FAILURES,
  BREAKER_REST_MS,
  HEALTHY_AFTER_MS,
  RESTART_FIRST_MS,
  RESTART_MAX_MS,
  START_TIMEOUT_MS,
  STOP_TIMEOUT_MS,
} from './limits.ts';

export type Life =
  | { readonly phase: 'stopped'; readonly failures: number }
  /** `since` its launch; undefined while it waits for its turn to start. */
  | { readonly phase: 'starting'; readonly failures: number; readonly since: number | undefined }
  | {
      readonly phase: 'running';
      readonly failures: number;
      readonly since: number;
      readonly idleSince: number | undefined;
    }
  /** `again`: somebody came meanwhile. */
  | { readonly phase: 'stopping'; readonly failures: number; readonly since: number; readonly again: boolean }
  /** After a crash. `again`: there are connections or waiters to serve when the rest is over. */
  | { readonly phase: 'resting'; readonly failures: number; readonly until: number; readonly again: boolean }
  /** The breaker is open: nobody waits for it, everybody is told. */
  | { readonly phase: 'broken'; readonly failures: number; readonly until: number };

export type LifeEvent =
  /** Somebody needs it. */
  | { readonly type: 'wanted' }
  /** Its process has begun. */
  | { readonly type: 'launched' }
  | { readonly type: 'ready'; readonly connections: number }
  | { readonly type: 'exited' }
  | { readonly type: 'connections'; readonly count: number }
  /** It does not answer, or has grown too large. */
  | { readonly type: 'unhealthy' }
  | { readonly type: 'stop' }
  | { readonly type: 'restart' }
  | { readonly type: 'tick' };

/** What the driver does: launches, asks to end, kills, lets those who wait in, or sends them away. */
export type LifeEffect = 'launch' | 'stop' | 'kill' | 'admit' | 'refuse';

export interface LifeOptions {
  readonly idleTimeoutMs: number;
}

export interface LifeStep {
  readonly life: Life;
  readonly effects: readonly LifeEffect[];
}

export const STOPPED: Life = Object.freeze({ phase: 'stopped', failures: 0 });

export function stepLife(options: LifeOptions, life: Life, event: LifeEvent, now: number): LifeStep {
  switch (life.phase) {
    case 'stopped':
      return event.type === 'wanted' || event.type === 'restart' ? launch(life) : stay(life);
    case 'starting':
      return whileStarting(life, event, now);
    case 'running':
      return whileRunning(options, life, event, now);
    case 'stopping':
      return whileStopping(life, event, now);
    case 'resting':
      return whileResting(life, event, now);
    case 'broken':
      return whileBroken(life, event, now);
  }
}

function whileStarting(life: Extract<Life, { phase: 'starting' }>, event: LifeEvent, now: number): LifeStep {
  const { failures, since } = life;
  switch (event.type) {
    case 'launched':
      return stay({ ...life, since: now });
    case 'ready':
      return {
        life: { phase: 'running', failures, since: now, idleSince: event.connections > 0 ? undefined : now },
        effects: ['admit'],
      };
    case 'exited':
      return crashed(life, true, now);
    case 'stop':
      return { life: { phase: 'stopping', failures, since: now, again: false }, effects: ['kill', 'refuse'] };
    case 'tick':
      return since !== undefined && now - since > START_TIMEOUT_MS ? { life, effects: ['kill'] } : stay(life);
    default:
      return stay(life);
  }
}

function whileRunning(
  { idleTimeoutMs }: LifeOptions,
  life: Extract<Life, { phase: 'running' }>,
  event: LifeEvent,
  now: number,
): LifeStep {
  const { failures, idleSince, since } = life;
  switch (event.type) {
    case 'wanted':
      return { life: { ...life, idleSince: idleSince === undefined ? undefined : now }, effects: ['admit'] };
    case 'connections':
      if (event.count > 0) return stay({ ...life, idleSince: undefined });
      return stay({ ...life, idleSince: idleSince ?? now });
    case 'tick': {
      const healed = failures > 0 && now - since > HEALTHY_AFTER_MS ? { ...life, failures: 0 } : life;
      if (idleSince === undefined || now - idleSince < idleTimeoutMs) return stay(healed);
      return { life: { phase: 'stopping', failures: healed.failures, since: now, again: false }, effects: ['stop'] };
    }
    case 'stop':
    case 'restart':
      return { life: { phase: 'stopping', failures, since: now, again: event.type === 'restart' }, effects: ['stop'] };
    case 'unhealthy':
      return { life, effects: ['kill'] };
    case 'exited':
      return crashed(life, idleSince === undefined, now);
    default:
      return stay(life);
  }
}

function whileStopping(life: Extract<Life, { phase: 'stopping' }>, event: LifeEvent, now: number): LifeStep {
  switch (event.type) {
    case 'wanted':
    case 'restart':
      return stay({ ...life, again: true });
    case 'stop':
      return { life: { ...life, again: false }, effects: ['refuse'] };
    case 'exited':
      return life.again ? launch(life) : stay({ phase: 'stopped', failures: life.failures });
    case 'tick':
      return now - life.since > STOP_TIMEOUT_MS ? { life, effects: ['kill'] } : stay(life);
    default:
      return stay(life);
  }
}

function whileResting(life: Extract<Life, { phase: 'resting' }>, event: LifeEvent, now: number): LifeStep {
  switch (event.type) {
    case 'wanted':
      return stay({ ...life, again: true });
    case 'restart':
      return launch(life);
    case 'stop':
      return { life: { phase: 'stopped', failures: life.failures }, effects: ['refuse'] };
    case 'tick':
      if (now < life.until) return stay(life);
      return life.again ? launch(life) : stay({ phase: 'stopped', failures: life.failures });
    default:
      return stay(life);
  }
}

function whileBroken(life: Extract<Life, { phase: 'broken' }>, event: LifeEvent, now: number): LifeStep {
  switch (event.type) {
    case 'wanted':
      return { life, effects: ['refuse'] };
    case 'restart':
      return launch({ failures: 0 });
    case 'tick':
      // One more try: the failures stay, so that another crash opens the breaker again at once.
      return now < life.until ? stay(life) : stay({ phase: 'stopped', failures: life.failures });
    default:
      return stay(life);
  }
}

function crashed(life: Life, again: boolean, now: number): LifeStep {
  const healthy = life.phase === 'running' && now - life.since > HEALTHY_AFTER_MS;
  const failures = (healthy ? 0 : life.failures) + 1;
  if (failures >= BREAKER_FAILURES)
    return { life: { phase: 'broken', failures, until: now + BREAKER_REST_MS }, effects: ['refuse'] };
  const restMs = Math.min(RESTART_MAX_MS, RESTART_FIRST_MS * 2 ** (failures - 1));
  return stay({ phase: 'resting', failures, until: now + restMs, again });
}

function launch({ failures }: { readonly failures: number }): LifeStep {
  return { life: { phase: 'starting', failures, since: undefined }, effects: ['launch'] };
}

function stay(life: Life): LifeStep {
  return { life, effects: [] };
}

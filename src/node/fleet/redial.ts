/**
 * When another node is to be dialed. Who was never linked, at once; who was, by one of the two at once and by the other only when
 * that does not come; after each failure twice as late as before, with jitter. A link that ended soon is a failure too: what ended
 * it would end the next one. Pure; times are monotonic, `jitter` is in [0, 1).
 */
import { LINK_SETTLED_MS, REDIAL_JITTER, REDIAL_MAX_MS, REDIAL_MIN_MS, SECOND_DIALER_MS } from './limits.ts';

export interface Redial {
  /** In a row: the node was not reached, or its link ended soon. */
  readonly failures: number;
  readonly dueAt: number;
  /** Since when there is a link; undefined: there is none. */
  readonly linkedAt: number | undefined;
}

export function firstDial(now: number): Redial {
  return { failures: 0, dueAt: now, linkedAt: undefined };
}

export function afterFailure({ failures }: Redial, now: number, jitter: number): Redial {
  return { failures: failures + 1, dueAt: now + failureWait(failures + 1, jitter), linkedAt: undefined };
}

export function afterLinking(redial: Redial, now: number): Redial {
  return { ...redial, linkedAt: now };
}

/** `isFirst`: of the two ends, this one dials first. */
export function afterLink(redial: Redial, now: number, isFirst: boolean, jitter: number): Redial {
  const patience = isFirst ? 0 : SECOND_DIALER_MS;
  if (redial.linkedAt !== undefined && now - redial.linkedAt < LINK_SETTLED_MS) {
    const failed = afterFailure(redial, now, jitter);
    return { ...failed, dueAt: Math.max(failed.dueAt, now + patience) };
  }
  return { failures: 0, dueAt: now + patience, linkedAt: undefined };
}

function failureWait(failures: number, jitter: number): number {
  const whole = Math.min(REDIAL_MAX_MS, REDIAL_MIN_MS * 2 ** (failures - 1));
  return Math.ceil(whole * (1 - REDIAL_JITTER * jitter));
}

/**
 * Whether a connection still lives, as far as one end can tell: pure. Everything that arrives is a sign of life. Each loop
 * sends a probe; two without an answer in time make the node suspect, so that another is looked for; missed heartbeats, or
 * probes unanswered after the machine slept, make it dead.
 */
import { FAILED_REQUESTS_MAX, HEARTBEAT_MAX_MS, HEARTBEAT_MIN_MS, MISSED_HEARTBEATS, PING_LIMIT_MS } from './limits.ts';
import type { Moment } from './moment.ts';

export interface Liveness {
  /** The last sign of life, by both clocks. */
  readonly heardAt: number;
  readonly heardWallMs: number;
  readonly heartbeatMs: number;
  readonly probe: Probe | undefined;
  /** Probes went unanswered, or were answered too late to count. */
  readonly suspect: boolean;
}

interface Probe {
  readonly startedAt: number;
  readonly endsAt: number;
  /** Probes sent in this series. */
  readonly sent: number;
  /** After a sleep: silence means death, not only suspicion. */
  readonly urgent: boolean;
}

export type Verdict = 'fine' | 'probe' | 'suspect' | 'dead';

export function openLiveness(now: Moment, heartbeatMs: number): Liveness {
  return {
    heardAt: now.at,
    heardWallMs: now.wallMs,
    heartbeatMs: Math.min(HEARTBEAT_MAX_MS, Math.max(HEARTBEAT_MIN_MS, heartbeatMs)),
    probe: undefined,
    suspect: false,
  };
}

/** Something arrived; with `rttMs` the answer to a probe, which clears a suspicion only when it is fast enough. */
export function hear(liveness: Liveness, now: Moment, rttMs: number | undefined): Liveness {
  const heard = { ...liveness, heardAt: now.at, heardWallMs: now.wallMs };
  const late = rttMs !== undefined && rttMs >= PING_LIMIT_MS;
  return late ? heard : { ...heard, probe: undefined, suspect: false };
}

/** The caller sends the probe. */
export function startProbe(liveness: Liveness, now: Moment, urgent: boolean): Liveness {
  return { ...liveness, probe: { startedAt: now.at, endsAt: now.at + PING_LIMIT_MS, sent: 1, urgent } };
}

/** What the time that passed says. With `probe`, the caller sends another. */
export function judge(liveness: Liveness, now: Moment): { readonly liveness: Liveness; readonly verdict: Verdict } {
  if (now.at >= deadAt(liveness)) return { liveness, verdict: 'dead' };
  const { probe } = liveness;
  if (probe === undefined || now.at < probe.endsAt) return { liveness, verdict: 'fine' };
  if (probe.sent < FAILED_REQUESTS_MAX) {
    const next = { ...probe, sent: probe.sent + 1, endsAt: now.at + PING_LIMIT_MS };
    return { liveness: { ...liveness, probe: next }, verdict: 'probe' };
  }
  const ended = { ...liveness, probe: undefined, suspect: true };
  return { liveness: ended, verdict: probe.urgent && liveness.heardAt <= probe.startedAt ? 'dead' : 'suspect' };
}

/** When `judge` has something to say, if nothing is heard until then. */
export function judgeAt(liveness: Liveness): number {
  return Math.min(deadAt(liveness), liveness.probe?.endsAt ?? Number.POSITIVE_INFINITY);
}

function deadAt(liveness: Liveness): number {
  return liveness.heardAt + MISSED_HEARTBEATS * liveness.heartbeatMs + PING_LIMIT_MS;
}

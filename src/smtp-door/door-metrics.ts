/** What the door counts, in Prometheus' words, among what its node counts. No figure names anybody. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { DoorStatus } from '../node/index.ts';
import { REFUSALS, type Refusal } from './reply.ts';

/** By which name a refusal is counted: that of the table. */
const NAMES: ReadonlyMap<Refusal, string> = new Map(
  Object.entries(REFUSALS).map(([name, refusal]): [Refusal, string] => [refusal, name]),
);

export class DoorMetrics {
  readonly #accepted: Counter;
  readonly #bytes: Counter;
  readonly #junk: Counter;
  readonly #refused: Counter<'reason'>;
  readonly #deferred: Counter<'reason'>;
  readonly #filterFailures: Counter;
  readonly #seconds: Histogram;
  readonly #connections: Gauge;
  readonly #status = { accepted: 0, bytes: 0, junk: 0, refused: 0, deferred: 0, filterFailures: 0 };
  #open = 0;

  constructor(registry: Registry) {
    const registers = [registry];
    const named = (name: string, help: string) => ({ name: `restante_smtp_${name}`, help, registers });
    this.#accepted = new Counter(named('accepted_total', 'Messages from outside that are on disk'));
    this.#bytes = new Counter(named('received_bytes_total', 'Bytes of these messages'));
    this.#junk = new Counter(named('junk_total', 'Of these messages, those that are said to be junk'));
    this.#refused = new Counter({
      ...named('refused_total', 'Senders, recipients and messages refused for good, by reason'),
      labelNames: ['reason'],
    });
    this.#deferred = new Counter({
      ...named('deferred_total', 'Those that were asked to come again, by reason'),
      labelNames: ['reason'],
    });
    this.#filterFailures = new Counter(
      named('filter_failures_total', 'Messages of which the junk filter said nothing in time'),
    );
    this.#seconds = new Histogram({
      ...named('message_seconds', 'From the end of a message to its answer'),
      buckets: [0.01, 0.05, 0.1, 0.5, 1, 5, 20, 60],
    });
    this.#connections = new Gauge(named('connections', 'Connections open now'));
  }

  /** Since the door was opened. */
  get status(): DoorStatus {
    return { ...this.#status, connections: this.#open };
  }

  connected(change: 1 | -1): void {
    this.#open += change;
    this.#connections.set(this.#open);
  }

  accepted(bytes: number, isJunk: boolean): void {
    this.#status.accepted += 1;
    this.#status.bytes += bytes;
    this.#accepted.inc();
    this.#bytes.inc(bytes);
    if (!isJunk) return;
    this.#status.junk += 1;
    this.#junk.inc();
  }

  refused(refusal: Refusal): void {
    const isForGood = refusal.code >= 500;
    this.#status[isForGood ? 'refused' : 'deferred'] += 1;
    (isForGood ? this.#refused : this.#deferred).inc({ reason: NAMES.get(refusal) ?? String(refusal.code) });
  }

  filterFailed(): void {
    this.#status.filterFailures += 1;
    this.#filterFailures.inc();
  }

  answered(seconds: number): void {
    this.#seconds.observe(seconds);
  }
}

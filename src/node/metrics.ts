/** What a node counts, in Prometheus' words; served at /metrics. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** What an SMTP door did since it was opened. */
export interface DoorStatus {
  /** Messages. */
  readonly accepted: number;
  readonly bytes: number;
  readonly junk: number;
  /** Senders, recipients and messages. */
  readonly refused: number;
  readonly deferred: number;
  /** Messages of which the junk filter said nothing. */
  readonly filterFailures: number;
  readonly connections: number;
}

export class Metrics {
  /** Read when somebody asks; undefined: there is no door. */
  door: (() => DoorStatus) | undefined;

  readonly registry = new Registry();
  readonly connections = new Gauge({
    name: 'restante_connections',
    help: 'Client connections open now',
    registers: [this.registry],
  });
  readonly connectionsRefused = new Counter({
    name: 'restante_connections_refused_total',
    help: 'Connections answered 503 because the accept queue was full',
    registers: [this.registry],
  });
  readonly receipts = new Counter({
    name: 'restante_receipts_total',
    help: 'Receipts given, by status',
    labelNames: ['status'],
    registers: [this.registry],
  });
  readonly refused = new Counter({
    name: 'restante_refused_total',
    help: 'Requests and connections refused, by code',
    labelNames: ['code'],
    registers: [this.registry],
  });
  readonly submitSeconds = new Histogram({
    name: 'restante_submit_seconds',
    help: 'From a submit to its receipt',
    buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2],
    registers: [this.registry],
  });
  readonly entriesSent = new Counter({
    name: 'restante_entries_sent_total',
    help: 'Entries sent to clients',
    registers: [this.registry],
  });
  readonly expired = new Counter({
    name: 'restante_expired_bodies_total',
    help: 'Bodies erased by retention',
    registers: [this.registry],
  });

  /** What waits for each other home, read when somebody asks. */
  destinations(
    read: () => Promise<readonly { readonly home: string; readonly queued: number; readonly failures: number }[]>,
  ): void {
    const labelled = (name: string, help: string, figure: 'queued' | 'failures'): void =>
      this.registry.registerMetric(
        new Gauge({
          name,
          help,
          labelNames: ['home'],
          registers: [],
          async collect() {
            this.reset();
            for (const destination of await read()) this.set({ home: destination.home }, destination[figure]);
          },
        }),
      );
    labelled('restante_federation_queued', 'PDUs that wait for a home', 'queued');
    labelled('restante_federation_failures', 'Failures since the last success, by home', 'failures');
  }

  /** Whether the key log of each other home holds, read when somebody asks. */
  keyLogs(read: () => Promise<readonly { readonly home: string; readonly problem: string | undefined }[]>): void {
    this.registry.registerMetric(
      new Gauge({
        name: 'restante_key_log_problems',
        help: '1 for a home whose key log is forked, was shortened, or is not right in itself',
        labelNames: ['home', 'problem'],
        registers: [],
        async collect() {
          this.reset();
          for (const { home, problem } of await read()) if (problem !== undefined) this.set({ home, problem }, 1);
        },
      }),
    );
  }

  /** A figure that is read when somebody asks. */
  gauge(name: string, help: string, read: () => number | Promise<number>): void {
    this.registry.registerMetric(
      new Gauge({
        name,
        help,
        registers: [],
        async collect() {
          this.set(await read());
        },
      }),
    );
  }
}

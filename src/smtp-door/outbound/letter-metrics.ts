/** What is counted of letters, in Prometheus' words. No figure names anybody; destinations are told to the operator alone. */
import { Counter, Gauge, type Registry } from 'prom-client';

export interface LetterFigures {
  readonly queued: number;
  /** How long the oldest of them waits. */
  readonly oldestSeconds: number;
}

export class LetterMetrics {
  readonly #recipients: Counter<'outcome'>;
  readonly #counts = { delivered: 0, refused: 0, deferred: 0 };

  /** `read`: when somebody asks. */
  constructor(registry: Registry, read: () => LetterFigures) {
    this.#recipients = new Counter({
      name: 'restante_letters_total',
      help: 'Recipients of ordinary mail that servers took or refused for good, and attempts that left some waiting',
      labelNames: ['outcome'],
      registers: [registry],
    });
    const gauge = (name: string, help: string, figure: keyof LetterFigures): void =>
      registry.registerMetric(
        new Gauge({
          name,
          help,
          registers: [],
          collect() {
            this.set(read()[figure]);
          },
        }),
      );
    gauge('restante_letters_queued', 'Letters that wait, once for each domain that they are for', 'queued');
    gauge('restante_letters_oldest_seconds', 'How long the oldest of them waits', 'oldestSeconds');
  }

  /** Since the start. */
  get counts(): Readonly<Record<'delivered' | 'refused' | 'deferred', number>> {
    return this.#counts;
  }

  count(outcome: 'delivered' | 'refused' | 'deferred'): void {
    this.#counts[outcome] += 1;
    this.#recipients.inc({ outcome });
  }
}

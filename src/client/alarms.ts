/** The alarms that were raised, durable: told once, kept until they are cleared. */
import { type Clock, fromUtf8, utf8 } from '../base/index.ts';
import type { Store, StoreTransaction } from '../store/index.ts';
import type { Alarm, AlarmCode } from './alarm.ts';
import { ALARMS, alarmKey } from './keys.ts';
import { ALARMS_MAX } from './limits.ts';

export interface AlarmsDeps {
  readonly clock: Clock;
  readonly store: Store;
  readonly onAlarm: (alarm: Alarm) => void;
}

export type NewAlarm = Omit<Alarm, 'at'>;

export class Alarms {
  readonly #deps: AlarmsDeps;
  readonly #known: Map<string, Alarm>;

  private constructor(deps: AlarmsDeps, known: Map<string, Alarm>) {
    this.#deps = deps;
    this.#known = known;
  }

  static async open(deps: AlarmsDeps): Promise<Alarms> {
    const rows = await deps.store.range({ ...ALARMS, limit: ALARMS_MAX });
    const alarms = rows.map((row) => JSON.parse(fromUtf8(row.value)) as Alarm);
    return new Alarms(deps, new Map(alarms.map((alarm) => [nameOf(alarm.code, alarm.subject), alarm])));
  }

  /** Newest first. */
  list(): readonly Alarm[] {
    return [...this.#known.values()].sort((a, b) => b.at - a.at);
  }

  /** Tells the alarm unless it stands already. Beyond ALARMS_MAX it is told and not kept: a flood must not fill the disk. */
  async raise(alarm: NewAlarm): Promise<void> {
    await this.#deps.store.transact((transaction) => this.raiseIn(transaction, alarm));
  }

  /** The same within a transaction: told once it is on disk. */
  raiseIn(transaction: StoreTransaction, { code, subject, detail, node }: NewAlarm): void {
    if (this.#known.has(nameOf(code, subject))) return;
    const alarm: Alarm = { code, subject, detail, node, at: Math.floor(this.#deps.clock.now()) };
    if (this.#known.size < ALARMS_MAX) transaction.put(alarmKey(code, subject), utf8(JSON.stringify(alarm)));
    transaction.onCommit(() => {
      if (this.#known.has(nameOf(code, subject))) return;
      if (this.#known.size < ALARMS_MAX) this.#known.set(nameOf(code, subject), alarm);
      this.#deps.onAlarm(alarm);
    });
  }

  /** What the alarm says is over, or a person decided that it is. */
  async clear(codes: readonly AlarmCode[], subject: string): Promise<void> {
    const standing = codes.filter((code) => this.#known.has(nameOf(code, subject)));
    if (standing.length === 0) return;
    await this.#deps.store.transact((transaction) => {
      for (const code of standing) transaction.delete(alarmKey(code, subject));
    });
    for (const code of standing) this.#known.delete(nameOf(code, subject));
  }

  stands(codes: readonly AlarmCode[], subject: string): Alarm | undefined {
    for (const code of codes) {
      const alarm = this.#known.get(nameOf(code, subject));
      if (alarm !== undefined) return alarm;
    }
    return undefined;
  }
}

function nameOf(code: AlarmCode, subject: string): string {
  return `${code} ${subject}`;
}

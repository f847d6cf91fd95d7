/**
 * Mail that is kept in the browser for reading without a network: only where somebody has asked for it, sealed, and all of
 * it is gone after signing out.
 */
import { SealedRecords } from './sealed-records.ts';

const KEPT_AS = 'restante.shelf';
/** Threads and lists that were looked at last. */
const RECORDS_MAX = 400;

export class Shelf {
  isOn = $state(localStorage.getItem(KEPT_AS) === 'on');
  readonly #databaseName: string;
  #records: SealedRecords;

  constructor(own: string) {
    this.#databaseName = `restante-shelf ${own}`;
    this.#records = new SealedRecords(this.#databaseName);
  }

  async turn(isOn: boolean): Promise<void> {
    localStorage.setItem(KEPT_AS, isOn ? 'on' : 'off');
    this.isOn = isOn;
    if (isOn) return;
    await this.#records.destroy();
    this.#records = new SealedRecords(this.#databaseName);
  }

  async put(name: string, value: unknown): Promise<void> {
    if (!this.isOn) return;
    const records = this.#records;
    await records.putJson(name, value);
    const names = await records.names();
    if (names.length > RECORDS_MAX) await records.delete(names.slice(0, names.length - RECORDS_MAX));
  }

  /** Undefined when it is not kept. */
  async get<Value>(name: string): Promise<Value | undefined> {
    return this.isOn ? this.#records.getJson<Value>(name) : undefined;
  }

  /** Nothing is kept after this. */
  destroy(): Promise<void> {
    return this.#records.destroy();
  }
}

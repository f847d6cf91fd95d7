/**
 * The store of nodes that share a database: PostgreSQL 15 or later, or what speaks like it. What is acknowledged is on its
 * disk, and on those of its synchronous standbys. One process at a time has a store; each has a schema of its own.
 */
import type { Clock, Log } from '../../base/index.ts';
import type { Engine, Scan, ScanResult } from '../engine.ts';
import { EngineStore } from '../engine-store.ts';
import type { Row } from '../store.ts';
import { StoreError } from '../store-error.ts';
import type { WriteSet } from '../write-set.ts';
import { SCHEMA_NAME } from './limits.ts';
import { Reader } from './reader.ts';
import type { DatabasePlace } from './schema.ts';
import { Writer } from './writer.ts';

export interface PostgresStoreDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export class PostgresStore extends EngineStore {
  readonly #engine: PostgresEngine;

  /**
   * Throws StoreError `locked`, `newer_schema`, `corrupt` (also where a store was to be and is none), or `failed` with what
   * the database says.
   */
  static async open(deps: PostgresStoreDeps, place: DatabasePlace): Promise<PostgresStore> {
    if (!SCHEMA_NAME.test(place.schema))
      throw new StoreError('failed', `${place.schema} is not a name of a schema`, {
        fix: 'Use small letters, digits and underscores.',
      });
    const writer = await Writer.open(deps, place);
    return new PostgresStore(new PostgresEngine(writer, new Reader({ ...deps, writer }, place)));
  }

  /** Removes a store that nobody has open, with all that is in it. */
  static async drop(deps: PostgresStoreDeps, place: DatabasePlace): Promise<void> {
    const writer = await Writer.open(deps, place);
    await writer.drop();
    await writer[Symbol.asyncDispose]();
  }

  private constructor(engine: PostgresEngine) {
    super(engine);
    this.#engine = engine;
  }

  /** Resolves when the store is this process's no more, or lacks what was confirmed: nothing of it is written or read then. */
  get lost(): Promise<StoreError> {
    return this.#engine.lost;
  }

  override [Symbol.asyncDispose](): Promise<void> {
    void this.#engine.closeSoon();
    return super[Symbol.asyncDispose]();
  }

  /** Every row as of one moment, in the order of the keys, while the store goes on. */
  everything(): AsyncGenerator<readonly Row[], void, void> {
    this.assertOpen();
    return this.#engine.everything();
  }
}

class PostgresEngine implements Engine {
  readonly #writer: Writer;
  readonly #reader: Reader;

  constructor(writer: Writer, reader: Reader) {
    this.#writer = writer;
    this.#reader = reader;
  }

  get lost(): Promise<StoreError> {
    return this.#writer.lost;
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#reader.getMany(keys);
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#reader.scan(scan);
  }

  commit(writes: WriteSet): Promise<void> {
    return this.#writer.commit(writes);
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  closeSoon(): Promise<void> {
    return this.#writer.closeSoon();
  }

  sizeBytes(): Promise<number> {
    return this.#reader.sizeBytes();
  }

  everything(): AsyncGenerator<readonly Row[], void, void> {
    return this.#reader.everything({ from: new Uint8Array(0), to: LAST_KEY });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer[Symbol.asyncDispose]();
    await this.#reader[Symbol.asyncDispose]();
  }
}

/** Behind every key that a store holds. */
const LAST_KEY = new Uint8Array(1025).fill(255);

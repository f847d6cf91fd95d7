/**
 * The store of servers and clients: one SQLite database in a folder, and a file for each large value. What is acknowledged
 * is on disk. One process at a time has the folder.
 */
import { resolve } from 'node:path';
import type { Log } from '../../base/index.ts';
import { EngineStore } from '../engine-store.ts';
import type { CheckReport } from './integrity.ts';
import type { SalvageReport } from './salvage.ts';
import { SqliteEngine, salvageStore } from './sqlite-engine.ts';

export interface SqliteStoreDeps {
  readonly log: Log;
}

export interface SqliteStoreOptions {
  /** Made if it is missing. On a local disk; nothing else of the program's in it. */
  readonly folder: string;
  /** Whether writing and reading have threads of their own, so that nobody waits for the disk; default: yes. */
  readonly isThreaded?: boolean;
}

export class SqliteStore extends EngineStore {
  readonly #engine: SqliteEngine;

  /** Throws `locked`, `newer_schema`, `corrupt`, `disk_full`, or `failed` with what the system says. */
  static async open(deps: SqliteStoreDeps, options: SqliteStoreOptions): Promise<SqliteStore> {
    return new SqliteStore(
      await SqliteEngine.open(deps.log, { isThreaded: true, ...options, folder: resolve(options.folder) }),
    );
  }

  /**
   * Makes a sound store of one whose pages are damaged, with every row that can still be read; a sound one is left as it is.
   * Nobody has it open. What was there before stays beside it. Throws as `open` does.
   */
  static salvage(folder: string): Promise<SalvageReport> {
    return salvageStore(resolve(folder));
  }

  private constructor(engine: SqliteEngine) {
    super(engine);
    this.#engine = engine;
  }

  /**
   * Writes a copy of what is durable now into `folder`, which is new or empty, while the store goes on. The copy opens as a
   * store. Throws `failed` if the folder is not empty, and when the store is closed meanwhile: the folder is no backup then.
   */
  async backupTo(folder: string): Promise<void> {
    this.assertOpen();
    await this.#engine.backupTo(resolve(folder));
  }

  /** Looks at every page, row and value file, while the store goes on. */
  async integrityCheck(): Promise<CheckReport> {
    this.assertOpen();
    return this.#engine.integrityCheck();
  }
}

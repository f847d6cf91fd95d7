/**
 * A disk between power on and power off. A commit takes time; when the power goes meanwhile, all of it is there afterwards,
 * or nothing. What is there outlasts the power.
 */
import type { Clock, Prng } from '../base/index.ts';
import type { Engine, Scan, ScanResult } from '../store/engine.ts';
import type { WriteSet } from '../store/write-set.ts';

export interface SimulatedDiskDeps {
  readonly clock: Clock;
  readonly prng: Prng;
  /** What outlasts the power. */
  readonly rows: Engine;
  /** Aborted when the power goes. */
  readonly power: AbortSignal;
}

/** A commit takes from 1 ms to this: an old disk's sync. */
const SLOWEST_COMMIT_MS = 20;

export class SimulatedDisk implements Engine {
  readonly #deps: SimulatedDiskDeps;

  constructor(deps: SimulatedDiskDeps) {
    this.#deps = deps;
  }

  getMany(keys: readonly Uint8Array[]): Promise<readonly (Uint8Array | undefined)[]> {
    return this.#deps.rows.getMany(keys);
  }

  scan(scan: Scan): Promise<ScanResult> {
    return this.#deps.rows.scan(scan);
  }

  async commit(writes: WriteSet): Promise<void> {
    const { clock, power, prng, rows } = this.#deps;
    power.throwIfAborted();
    try {
      await clock.sleep(1 + prng.below(SLOWEST_COMMIT_MS), power);
    } catch (error) {
      if (prng.next() < 0.5) await rows.commit(writes);
      throw error;
    }
    await rows.commit(writes);
  }

  async turn(): Promise<void> {}

  sizeBytes(): Promise<number> {
    return this.#deps.rows.sizeBytes();
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

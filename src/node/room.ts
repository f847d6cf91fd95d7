/**
 * How much room a node's disk has left. Below a reserve nothing new is taken: mail is refused for now before it is written,
 * while what is here is read, erased and given to others, for which the reserve is there. It recovers by itself.
 */
import type { Clock, Log } from '../base/index.ts';
import { ROOM_BACK_SHARE, ROOM_INTERVAL_MS } from './limits.ts';

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The disk that the rows are on. */
export interface Disk {
  space(): Promise<DiskSpace>;
}

export interface RoomDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** undefined: not ours to look at, as that of a database server. */
  readonly disk: Disk | undefined;
}

export interface RoomOptions {
  readonly reserveBytes: number;
  /** The reserve is at most this part of a disk: a small one is not all reserve. */
  readonly reserveShare: number;
}

export class Room {
  readonly #deps: RoomDeps;
  readonly #options: RoomOptions;
  #space: DiskSpace | undefined;
  #isLow = false;

  constructor(deps: RoomDeps, options: RoomOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Whether nothing new is taken now. */
  get isLow(): boolean {
    return this.#isLow;
  }

  /** As last seen; undefined where the disk is not ours to look at. */
  get space(): DiskSpace | undefined {
    return this.#space;
  }

  get reserveBytes(): number {
    const { reserveBytes, reserveShare } = this.#options;
    return this.#space === undefined ? reserveBytes : Math.min(reserveBytes, this.#space.totalBytes * reserveShare);
  }

  /** For people; undefined when all is well. */
  get problem(): string | undefined {
    if (!this.#isLow) return undefined;
    const left = this.#space === undefined ? '' : `: ${Math.floor(this.#space.freeBytes / MiB)} MiB are left`;
    return `the disk is nearly full${left}; no mail is taken until there is more room`;
  }

  /** A commit found no room: nothing more is tried before the next look. */
  foundNone(): void {
    this.#set(true);
  }

  /** Looks now. */
  async look(): Promise<void> {
    const { disk, log } = this.#deps;
    if (disk === undefined) {
      this.#set(false); // the next commit tells
      return;
    }
    try {
      this.#space = await disk.space();
    } catch (error) {
      log.error({ error }, 'how full the disk is could not be found out');
      return;
    }
    const wanted = this.#isLow ? this.reserveBytes * (1 + ROOM_BACK_SHARE) : this.reserveBytes;
    this.#set(this.#space.freeBytes < wanted);
  }

  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.look();
      await this.#deps.clock.sleep(ROOM_INTERVAL_MS, signal);
    }
  }

  #set(isLow: boolean): void {
    if (isLow === this.#isLow) return;
    this.#isLow = isLow;
    const fields = { ...this.#space, reserveBytes: this.reserveBytes };
    if (isLow) this.#deps.log.error(fields, 'the disk is nearly full: no mail is taken');
    else this.#deps.log.info(fields, 'the disk has room again: mail is taken');
  }
}

const MiB = 1024 * 1024;

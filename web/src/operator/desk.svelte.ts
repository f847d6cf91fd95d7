/** What the operator sees, asked for every two seconds; and what they do, after which it is asked for at once. */
import { Refusal } from '../jmap/refusal.ts';
import { reasonOf } from '../texts/reason.ts';
import { texts } from '../texts/texts.svelte.ts';
import { OperatorDoor, type Status } from './door.ts';
import { type Look, readLook, type Sample, sampleOf } from './figures.ts';

const LOOK_EVERY_MS = 2_000;
/** Ten minutes. */
const SAMPLES_MAX = 300;

export class OperatorDesk {
  readonly #door: OperatorDoor;
  readonly #onRefused: () => void;
  status = $state.raw<Status>();
  samples = $state.raw<readonly Sample[]>([]);
  /** Why the figures are those of before. */
  problem = $state('');
  /** Why what was done last was not; until something else is done. */
  refusal = $state('');
  #last: Look | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(token: string, onRefused: () => void) {
    this.#door = new OperatorDoor(token);
    this.#onRefused = onRefused;
    void this.look();
  }

  async act<Result>(name: Parameters<OperatorDoor['act']>[0], body: object = {}): Promise<Result | undefined> {
    this.refusal = '';
    try {
      const result = await this.#door.act<Result>(name, body);
      await this.look();
      return result;
    } catch (error) {
      this.refusal = reasonOf(error, texts.t);
      return undefined;
    }
  }

  async look(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const [status, text] = await Promise.all([this.#door.status(), this.#door.metrics()]);
      const now = readLook(text, Date.now() / 1_000);
      const memory = status.hub.users.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
      if (this.#last !== undefined)
        this.samples = [...this.samples, sampleOf(this.#last, now, status.node?.bytes, memory)].slice(-SAMPLES_MAX);
      this.#last = now;
      this.status = status;
      this.problem = '';
    } catch (error) {
      if (error instanceof Refusal && (error.status === 401 || error.status === 404)) return this.#onRefused();
      this.problem = reasonOf(error, texts.t);
    }
    if (!this.#isClosed) this.#timer = setTimeout(() => void this.look(), LOOK_EVERY_MS);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }
}

/**
 * How far a long command is, on stderr: one bar that is redrawn on a terminal, a line every few seconds elsewhere. The
 * command says how much is done and of how much; rate and remaining time are worked out here.
 */
import { type Clock, unreachable } from '../../base/index.ts';
import { BAR_INTERVAL_MS, PROGRESS_LINE_INTERVAL_MS, RATE_WINDOW_MS } from '../limits.ts';
import { showBytes, showCount, showDuration } from './figures.ts';
import type { Paint } from './paint.ts';
import { cutTo, widthOf } from './text.ts';

export type ProgressForm = 'bar' | 'lines' | 'none';

export interface ProgressTarget {
  readonly form: ProgressForm;
  readonly paint: Paint;
  width(): number;
  write(text: string): void;
}

export interface ProgressTask {
  /** `Importing`. */
  readonly label: string;
  readonly unit: 'items' | 'bytes';
}

export interface ProgressState {
  readonly done: number;
  /** Unknown while it is being counted. */
  readonly total?: number | undefined;
  /** Of the whole, 0 to 1, where the count has no total: messages of files whose bytes are known. */
  readonly share?: number | undefined;
  /** `3 refused`. */
  readonly note?: string | undefined;
}

interface Sample {
  readonly at: number;
  readonly done: number;
  readonly share: number | undefined;
}

interface Rate {
  readonly perSecond: number;
  /** Milliseconds; undefined: nobody knows. */
  readonly remainingMs: number | undefined;
}

export class Progress implements Disposable {
  readonly #clock: Clock;
  readonly #target: ProgressTarget;
  readonly #task: ProgressTask;
  readonly #samples: Sample[] = [];
  #state: ProgressState = { done: 0 };
  #shownAt: number;
  #isDrawn = false;

  constructor(deps: { readonly clock: Clock; readonly target: ProgressTarget }, task: ProgressTask) {
    this.#clock = deps.clock;
    this.#target = deps.target;
    this.#task = task;
    this.#shownAt = deps.clock.monotonic();
    this.#samples.push({ at: this.#shownAt, done: 0, share: 0 });
  }

  update(state: ProgressState): void {
    this.#state = state;
    const now = this.#clock.monotonic();
    this.#sample(now);
    if (now - this.#shownAt >= this.#intervalMs()) this.#show(now);
  }

  /** Takes the bar away, so that other lines can be written. The next `update` draws it again. */
  clear(): void {
    if (!this.#isDrawn) return;
    this.#isDrawn = false;
    this.#shownAt = 0;
    this.#target.write(ERASE_LINE);
  }

  [Symbol.dispose](): void {
    this.clear();
  }

  #intervalMs(): number {
    const { form } = this.#target;
    switch (form) {
      case 'bar':
        return BAR_INTERVAL_MS;
      case 'lines':
        return PROGRESS_LINE_INTERVAL_MS;
      case 'none':
        return Number.POSITIVE_INFINITY;
      default:
        return unreachable(form);
    }
  }

  #sample(now: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && now - last.at < BAR_INTERVAL_MS) return;
    this.#samples.push({ at: now, done: this.#state.done, share: shareOf(this.#state) });
    while (this.#samples.length > 2 && now - (this.#samples[1]?.at ?? now) > RATE_WINDOW_MS) this.#samples.shift();
  }

  #show(now: number): void {
    this.#shownAt = now;
    const rate = this.#rate(now);
    if (this.#target.form === 'lines') {
      this.#target.write(`${describe(this.#task, this.#state, rate).join(', ')}\n`);
      return;
    }
    this.#isDrawn = true;
    this.#target.write(ERASE_LINE + renderBar(this.#target, this.#task, this.#state, rate));
  }

  #rate(now: number): Rate {
    const first = this.#samples[0];
    const elapsedMs = first === undefined ? 0 : now - first.at;
    if (first === undefined || elapsedMs <= 0) return { perSecond: 0, remainingMs: undefined };
    const share = shareOf(this.#state);
    const advanced = (share ?? 0) - (first.share ?? 0);
    return {
      perSecond: ((this.#state.done - first.done) * 1000) / elapsedMs,
      remainingMs: share === undefined || advanced <= 0 ? undefined : ((1 - share) / advanced) * elapsedMs,
    };
  }
}

const ERASE_LINE = '\r\u001b[2K';
const BAR_COLUMNS = 24;

/** `Importing  ━━━━━━━─────  1 234 of 6 046 · 20 % · 412/s · 0:11 left · 3 refused`. */
export function renderBar(
  target: Pick<ProgressTarget, 'paint' | 'width'>,
  task: ProgressTask,
  state: ProgressState,
  rate: Rate,
): string {
  const [label = '', ...parts] = describe(task, state, rate);
  const text = parts.join(' · ');
  const { paint } = target;
  const room = target.width() - 1 - widthOf(label) - widthOf(text) - 4;
  const share = shareOf(state);
  if (share === undefined || room < 8) return cutTo(`${label}  ${text}`, target.width() - 1);
  const columns = Math.min(BAR_COLUMNS, room);
  const filled = Math.round(columns * share);
  return `${label}  ${paint.good('━'.repeat(filled))}${paint.dim('─'.repeat(columns - filled))}  ${text}`;
}

function describe(task: ProgressTask, state: ProgressState, { perSecond, remainingMs }: Rate): string[] {
  const show = task.unit === 'bytes' ? showBytes : showCount;
  const parts = [task.label];
  parts.push(state.total === undefined ? show(state.done) : `${show(state.done)} of ${show(state.total)}`);
  const share = shareOf(state);
  if (share !== undefined) parts.push(`${Math.floor(share * 100)} %`);
  if (perSecond > 0)
    parts.push(`${task.unit === 'bytes' || perSecond >= 10 ? show(perSecond) : perSecond.toFixed(1)}/s`);
  if (remainingMs !== undefined) parts.push(`${showDuration(remainingMs)} left`);
  if (state.note !== undefined) parts.push(state.note);
  return parts;
}

/** undefined: nobody knows how much there is. */
function shareOf({ done, total, share }: ProgressState): number | undefined {
  if (share !== undefined) return Math.min(1, share);
  if (total === undefined) return undefined;
  return total <= 0 ? 1 : Math.min(1, done / total);
}

/** What a soak shows while it runs: lines of what happened, and where somebody watches a line below that is written anew. */
import type { WriteStream } from 'node:tty';
import { LINE_EVERY_MS } from './limits.ts';
import type { SoakState } from './soak.ts';

const CLEAR = '\r\u001b[K';

export class Board {
  readonly #stream: NodeJS.WriteStream | WriteStream;
  readonly #startedAt = performance.now();
  #live = '';
  #shownAt = Number.NEGATIVE_INFINITY;

  constructor(stream: NodeJS.WriteStream) {
    this.#stream = stream;
  }

  say(line: string): void {
    const at = Math.round((performance.now() - this.#startedAt) / 1000);
    const text = `${clockOf(at)}  ${line}\n`;
    this.#stream.write(this.#stream.isTTY ? `${CLEAR}${text}${this.#live}` : text);
  }

  show(state: SoakState): void {
    const line = lineOf(state);
    if (this.#stream.isTTY) {
      this.#live = line.slice(0, (this.#stream.columns ?? 80) - 1);
      this.#stream.write(`${CLEAR}${this.#live}`);
    } else if (performance.now() - this.#shownAt > LINE_EVERY_MS) {
      this.#shownAt = performance.now();
      this.say(line);
    }
  }

  end(): void {
    this.#live = '';
    if (this.#stream.isTTY) this.#stream.write(CLEAR);
  }
}

function lineOf({ acknowledged, breaches, faults, late, leftMs, open, seen, sent, worst }: SoakState): string {
  const worstWords = worst === undefined ? '' : `, worst recovery ${(worst.ms / 1000).toFixed(1)} s (${worst.kind})`;
  const broken = breaches === 0 ? '' : `, BROKEN ${breaches}`;
  const lateWords = late === undefined ? '' : `, ${late}`;
  const left = clockOf(Math.round(leftMs / 1000));
  return `${left} left: ${sent} written, ${acknowledged} acknowledged, ${seen} seen, ${open} on the way; ${faults} faults${worstWords}${lateWords}${broken}`;
}

function clockOf(seconds: number): string {
  const two = (number: number): string => String(number).padStart(2, '0');
  return `${two(Math.floor(seconds / 3_600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
}

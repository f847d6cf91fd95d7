/**
 * What a command says. Results go to stdout: with --json one object a line and nothing else, for people what `show` makes
 * of them. Notes, progress and errors go to stderr, so that a pipe carries results only.
 */
import type { Clock } from '../../base/index.ts';
import type { TerminalOutput } from '../context.ts';
import type { ErrorLine } from '../error-line.ts';
import { createPaint, type Paint } from './paint.ts';
import { Progress, type ProgressForm, type ProgressTask } from './progress.ts';
import { type Column, renderTable } from './table.ts';

export interface OutputStreams {
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  readonly environment: NodeJS.ProcessEnv;
}

export interface OutputOptions {
  readonly json: boolean;
  /** Show progress although --json is given. */
  readonly progress: boolean;
  readonly verbose: boolean;
}

/** Of a terminal that does not say, and of files. */
const DEFAULT_COLUMNS = 100;

export class Output {
  readonly json: boolean;
  readonly verbose: boolean;
  /** Colours of stdout. */
  readonly paint: Paint;
  /** Whether a person looks at stderr. */
  readonly isWatched: boolean;
  readonly #streams: OutputStreams;
  readonly #clock: Clock;
  readonly #progressForm: ProgressForm;
  readonly #errorPaint: Paint;
  #progress: Progress | undefined;

  constructor(deps: { readonly clock: Clock; readonly streams: OutputStreams }, options: OutputOptions) {
    const { stdout, stderr, environment } = deps.streams;
    this.#streams = deps.streams;
    this.#clock = deps.clock;
    this.json = options.json;
    this.verbose = options.verbose;
    this.paint = createPaint(stdout.isTTY === true, environment);
    this.#errorPaint = createPaint(stderr.isTTY === true, environment);
    this.isWatched = stderr.isTTY === true;
    this.#progressForm = options.json && !options.progress ? 'none' : this.isWatched ? 'bar' : 'lines';
  }

  get columns(): number {
    return this.#streams.stdout.columns || DEFAULT_COLUMNS;
  }

  /** One result. `show` makes lines without line ends; an empty list shows nothing. */
  result(fields: object, show: (paint: Paint) => string | readonly string[]): void {
    this.#progress?.clear();
    if (this.json) {
      this.#streams.stdout.write(`${JSON.stringify(fields)}\n`);
      return;
    }
    const lines = show(this.paint);
    for (const line of typeof lines === 'string' ? [lines] : lines) this.#streams.stdout.write(`${line}\n`);
  }

  /** Many results of one kind: a line each, or a table. */
  table<Row>(
    rows: readonly Row[],
    fieldsOf: (row: Row) => object,
    columns: readonly Column<Row>[],
    empty: string,
  ): void {
    if (this.json) {
      for (const row of rows) this.result(fieldsOf(row), () => []);
      return;
    }
    if (rows.length === 0) {
      this.note(empty);
      return;
    }
    const lines = renderTable(rows, columns, { width: this.columns, paintTitle: this.paint.dim });
    this.result({}, () => lines);
  }

  /** Exact bytes on stdout. Resolves when the reader took them. */
  raw(bytes: Uint8Array): Promise<void> {
    this.#progress?.clear();
    return new Promise((resolve, reject) =>
      this.#streams.stdout.write(bytes, (error) => (error ? reject(error) : resolve())),
    );
  }

  /** For people, on stderr. */
  note(text: string): void {
    this.#progress?.clear();
    this.#streams.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    this.note(`${this.#errorPaint.warn('warning:')} ${text}`);
  }

  error({ code, message, fix }: ErrorLine): void {
    this.#progress?.clear();
    if (this.json) this.#streams.stdout.write(`${JSON.stringify({ error: { code, message, fix } })}\n`);
    else this.#streams.stderr.write(`${this.#errorPaint.bad(`${code}:`)} ${message}. ${fix}\n`);
  }

  /** Dispose of it when the work ends. One at a time. */
  progress(task: ProgressTask): Progress {
    const { stderr } = this.#streams;
    this.#progress?.clear();
    this.#progress = new Progress(
      {
        clock: this.#clock,
        target: {
          form: this.#progressForm,
          paint: this.#errorPaint,
          width: () => stderr.columns || DEFAULT_COLUMNS,
          write: (text) => void stderr.write(text),
        },
      },
      task,
    );
    return this.#progress;
  }
}

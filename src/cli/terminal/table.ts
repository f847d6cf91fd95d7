/** Rows under each other: columns as wide as their widest cell, the flexible one cut so that a row fits the terminal. */
import { padTo, safeLine, widthOf } from './text.ts';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: 'left' | 'right';
  /** Gives way first when a row is too long, by its weight. */
  readonly flexible?: number;
  /** Applied after the cell has its width: colours do not count as columns. */
  readonly paint?: (text: string, row: Row) => string;
}

export interface TableOptions {
  readonly width: number;
  /** For the line of titles. */
  readonly paintTitle: (text: string) => string;
}

const GAP = '  ';
const FLEXIBLE_MIN = 12;

/** Lines without line ends: the titles, then a line for each row. */
export function renderTable<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  options: TableOptions,
): string[] {
  const cells = rows.map((row) => columns.map((column) => safeLine(column.cell(row))));
  const natural = columns.map((column, index) =>
    Math.max(widthOf(column.title), ...cells.map((line) => widthOf(line[index] ?? ''))),
  );
  const widths = shrink(natural, columns, options.width - GAP.length * (columns.length - 1));
  const line = (texts: readonly string[], row: Row | undefined): string =>
    columns
      .map((column, index) => {
        const text = padTo(texts[index] ?? '', widths[index] ?? 0, column.align);
        return row === undefined || column.paint === undefined ? text : column.paint(text, row);
      })
      .join(GAP)
      .trimEnd();
  const titles = options.paintTitle(
    line(
      columns.map((column) => column.title),
      undefined,
    ),
  );
  return [titles, ...rows.map((row, index) => line(cells[index] ?? [], row))];
}

/** Takes what is too much from the flexible columns, in proportion to their weight, down to FLEXIBLE_MIN each. */
function shrink<Row>(natural: readonly number[], columns: readonly Column<Row>[], available: number): number[] {
  const widths = [...natural];
  let excess = widths.reduce((sum, width) => sum + width, 0) - available;
  while (excess > 0) {
    const giving = columns.flatMap((column, index) =>
      column.flexible !== undefined && (widths[index] ?? 0) > FLEXIBLE_MIN ? [index] : [],
    );
    if (giving.length === 0) break;
    // The widest for its weight gives one column at a time: at most some hundred steps.
    const weightOf = (index: number): number => (widths[index] ?? 0) / (columns[index]?.flexible ?? 1);
    const widest = giving.reduce((best, index) => (weightOf(index) > weightOf(best) ? index : best));
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}

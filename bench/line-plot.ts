/** A line plot as SVG text: x on a logarithmic axis, y from 0. For reports that people read in a browser. */

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

export interface PlotLabels {
  readonly title: string;
  readonly x: string;
  readonly y: string;
}

const WIDTH = 720;
const HEIGHT = 400;
const MARGIN = { left: 64, right: 96, top: 40, bottom: 48 };
const COLOURS = ['#1f6feb', '#d1700e', '#2da44e', '#8250df'];
const Y_TICKS = 5;

/** At least one line with at least one point; all x positive. */
export function drawLines(labels: PlotLabels, lines: readonly Line[]): string {
  const all = lines.flatMap((line) => line.points);
  const logs = all.map(([x]) => Math.log10(x));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const top = niceAbove(Math.max(...all.map(([, y]) => y)));
  const spanX = WIDTH - MARGIN.left - MARGIN.right;
  const spanY = HEIGHT - MARGIN.top - MARGIN.bottom;
  const atX = (x: number): number => MARGIN.left + ((Math.log10(x) - low) / (high - low || 1)) * spanX;
  const atY = (y: number): number => HEIGHT - MARGIN.bottom - (y / top) * spanY;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    text(WIDTH / 2, 22, labels.title, 'middle', 15),
    text(MARGIN.left + spanX / 2, HEIGHT - 8, labels.x, 'middle'),
    text(8, MARGIN.top - 12, labels.y, 'start'),
  ];
  for (let tick = 0; tick <= Y_TICKS; tick++) {
    const y = (top * tick) / Y_TICKS;
    parts.push(
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${atY(y)}" y2="${atY(y)}" stroke="#ddd"/>`,
      text(MARGIN.left - 6, atY(y) + 4, String(Number(y.toPrecision(3))), 'end'),
    );
  }
  for (const x of new Set(all.map(([value]) => value)))
    parts.push(text(atX(x), HEIGHT - MARGIN.bottom + 18, x.toLocaleString('en'), 'middle'));
  lines.forEach((line, i) => {
    const colour = COLOURS[i % COLOURS.length] as string;
    const path = line.points.map(([x, y]) => `${atX(x).toFixed(1)},${atY(y).toFixed(1)}`).join(' ');
    parts.push(`<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>`);
    for (const [x, y] of line.points)
      parts.push(`<circle cx="${atX(x).toFixed(1)}" cy="${atY(y).toFixed(1)}" r="3" fill="${colour}"/>`);
    const last = line.points.at(-1);
    if (last !== undefined) parts.push(text(atX(last[0]) + 8, atY(last[1]) + 4, line.name, 'start', 12, colour));
  });
  return `${parts.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, words: string, anchor: string, size = 12, colour = '#333'): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}" fill="${colour}">${words}</text>`;
}

/** The next of 1, 2, 5, 10, 20, 50 … */
function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value || 1));
  return ([1, 2, 5, 10].find((step) => step * unit >= value) ?? 10) * unit;
}

/** What the demo writes: in colour and with a moving line where somebody watches, plain lines elsewhere. */

const isWatched = process.stdout.isTTY === true;
const hasColour = isWatched && !process.env.NO_COLOR && process.env.TERM !== 'dumb';
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const FRAME_MS = 100;
const WIDTH = Math.min(process.stdout.columns ?? 80, 100);
const startedAt = performance.now();

const paint = (code) => (text) => (hasColour ? `\u001b[${code}m${text}\u001b[0m` : text);
export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const yellow = paint('33');
export const red = paint('31');

/** A new part of the story. */
export function scene(title) {
  const seconds = `${Math.round((performance.now() - startedAt) / 1000)} s`.padStart(5);
  write(`\n${bold(title)}${' '.repeat(Math.max(1, WIDTH - 1 - title.length - seconds.length))}${dim(seconds)}`);
}

export function say(text) {
  for (const line of wrap(text, WIDTH - 3)) write(`  ${line}`);
}

export function done(text) {
  write(`  ${green('✓')} ${text}`);
}

/** A command as the watcher could type it. */
export function command(text) {
  write(`  ${dim(`$ ${cut(text, WIDTH - 5)}`)}`);
}

/** Shows that something is under way until `work` ends; `text` may say how far it is. */
export async function meanwhile(text, work) {
  const now = typeof text === 'function' ? text : () => text;
  if (!isWatched) return await work();
  let frame = 0;
  const draw = () =>
    process.stdout.write(`\r\u001b[K  ${yellow(FRAMES[frame++ % FRAMES.length])} ${cut(now(), WIDTH - 5)}`);
  draw();
  const timer = setInterval(draw, FRAME_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    process.stdout.write('\r\u001b[K');
  }
}

export function cut(text, width) {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

function write(line) {
  process.stdout.write(`${line}\n`);
}

function wrap(text, width) {
  const lines = [''];
  for (const word of text.split(' ')) {
    const last = lines[lines.length - 1];
    if (last !== '' && last.length + 1 + word.length > width) lines.push(word);
    else lines[lines.length - 1] = last === '' ? word : `${last} ${word}`;
  }
  return lines;
}

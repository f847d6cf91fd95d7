/**
 * Mailboxes as one file (mboxrd): messages one after another, each behind a line that begins with `From `. Such lines within
 * a message get one more `>` and lose it again, so a message comes back to the byte.
 */
const FROM = new TextEncoder().encode('From ');
const NEWLINE = 10;
const ANGLE = 62;

/** A message as it stands in the file, with the line before it and an empty one behind. */
export function mboxEntry(message: Uint8Array, from: string, at: Date): Blob {
  const parts: (Uint8Array<ArrayBuffer> | string)[] = [`From ${from || 'unknown'} ${asctime(at)}\n`];
  let taken = 0;
  for (const start of lineStarts(message))
    if (isFromLine(message, start)) {
      parts.push(message.slice(taken, start), '>');
      taken = start;
    }
  parts.push(message.slice(taken), message.at(-1) === NEWLINE ? '\n' : '\n\n');
  return new Blob(parts);
}

/** The messages of a file: one, if it does not begin as a mailbox does. Reads piece by piece, however long it is. */
export async function* messagesIn(file: Blob): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const first = new Uint8Array(await file.slice(0, FROM.length).arrayBuffer());
  if (!startsWith(first, FROM, 0)) {
    yield new Uint8Array(await file.arrayBuffer());
    return;
  }
  let held: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  const reader = file.stream().getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (value !== undefined) held = joined(held, value);
    let end = done ? held.length : nextSeparator(held, 1);
    while (end !== undefined && held.length > 0) {
      yield unquoted(held.slice(0, end));
      held = held.slice(end);
      end = done ? undefined : nextSeparator(held, 1);
    }
    if (done) return;
  }
}

/** Where the next `From ` line behind an empty one begins; undefined: not in what is here. */
function nextSeparator(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(NEWLINE, from); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) {
    const isBlankBefore = bytes[at - 1] === NEWLINE || (bytes[at - 1] === 13 && bytes[at - 2] === NEWLINE);
    if (isBlankBefore && startsWith(bytes, FROM, at + 1)) return at + 1;
  }
  return undefined;
}

/** Without the line before it, the empty one behind it, and what was put before its own `From ` lines. */
function unquoted(entry: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const from = entry.indexOf(NEWLINE) + 1;
  const isClosed = entry.at(-1) === NEWLINE && entry.at(-2) === NEWLINE;
  const message = entry.slice(from, isClosed ? entry.length - 1 : entry.length);
  const kept = new Uint8Array(message.length);
  let [taken, length] = [0, 0];
  const take = (end: number): void => {
    kept.set(message.subarray(taken, end), length);
    length += end - taken;
  };
  for (const start of lineStarts(message))
    if (message[start] === ANGLE && isFromLine(message, start)) {
      take(start);
      taken = start + 1;
    }
  take(message.length);
  return kept.slice(0, length);
}

function* lineStarts(bytes: Uint8Array): Generator<number> {
  yield 0;
  for (let at = bytes.indexOf(NEWLINE); at >= 0; at = bytes.indexOf(NEWLINE, at + 1)) yield at + 1;
}

function isFromLine(bytes: Uint8Array, start: number): boolean {
  let at = start;
  while (bytes[at] === ANGLE) at++;
  return startsWith(bytes, FROM, at);
}

function startsWith(bytes: Uint8Array, word: Uint8Array, at: number): boolean {
  return word.every((byte, index) => bytes[at + index] === byte);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

/** `Thu Jan  1 00:00:00 1970`, in UTC. */
function asctime(at: Date): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = at.toUTCString().replace(',', '').split(' ');
  return `${weekday} ${month} ${day.replace(/^0/, ' ')} ${time} ${year}`;
}

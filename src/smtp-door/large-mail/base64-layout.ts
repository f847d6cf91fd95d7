/**
 * Base64 that can be written again to the octet: in lines of one length, in the one spelling that its octets have. Nearly all
 * programs write such. Read in windows, so that no copy of all of it is made.
 */
import type { PartLayout } from '../../protocol/index.ts';
import { PART_LINE_LENGTH_MAX } from '../../protocol/index.ts';
import { BASE64_WINDOW_BYTES, PART_END_LINES_MAX } from '../limits.ts';

export interface Base64Content {
  readonly lineLength: PartLayout['lineLength'];
  readonly endCount: PartLayout['endCount'];
  /** Octets, decoded. */
  readonly size: number;
}

const CRLF = '\r\n';

/** Undefined: written otherwise. */
export function judgeBase64(encoded: Buffer): Base64Content | undefined {
  const { end, endCount } = lastLineOf(encoded);
  const first = encoded.subarray(0, PART_LINE_LENGTH_MAX + CRLF.length).indexOf(CRLF);
  const lineLength = first < 0 || first > end ? Math.ceil(end / 4) * 4 : first;
  if (endCount > PART_END_LINES_MAX || lineLength < 4 || lineLength > PART_LINE_LENGTH_MAX || lineLength % 4 !== 0)
    return undefined;
  let size = 0;
  for (const window of windowsOf(encoded.subarray(0, end), lineLength)) {
    const octets = Buffer.from(window, 'base64');
    if (encodeLines(octets, lineLength) !== window) return undefined;
    size += octets.length;
  }
  return size === 0 ? undefined : { lineLength, endCount, size };
}

/** Of what `judgeBase64` has judged. */
export function* decodeBase64(
  encoded: Buffer,
  { lineLength }: Pick<Base64Content, 'lineLength'>,
): Generator<Uint8Array> {
  for (const window of windowsOf(encoded.subarray(0, lastLineOf(encoded).end), lineLength))
    yield Buffer.from(window, 'base64');
}

/** Whole lines, as text, but for the last line's end, which it lacks in the last window. */
function* windowsOf(lines: Buffer, lineLength: number): Generator<string> {
  const stride = lineLength + CRLF.length;
  const window = Math.max(1, Math.floor(BASE64_WINDOW_BYTES / stride)) * stride;
  for (let at = 0; at < lines.length; at += window) {
    const text = lines.toString('latin1', at, Math.min(lines.length, at + window));
    yield text.endsWith(CRLF) ? text.slice(0, -CRLF.length) : text;
  }
}

function encodeLines(octets: Buffer, lineLength: number): string {
  const text = octets.toString('base64');
  const lines: string[] = [];
  for (let at = 0; at < text.length; at += lineLength) lines.push(text.slice(at, at + lineLength));
  return lines.join(CRLF);
}

function lastLineOf(encoded: Buffer): { readonly end: number; readonly endCount: number } {
  let end = encoded.length;
  let endCount = 0;
  while (end >= CRLF.length && encoded.toString('latin1', end - CRLF.length, end) === CRLF) {
    end -= CRLF.length;
    endCount += 1;
  }
  return { end, endCount };
}

/**
 * How a message from outside that is larger than a body stands in one (docs/protocol/blobs.md#mail-from-outside): a part whose
 * content went another way says how it stood in the message, and a message that went another way whole says so. Whoever has the
 * contents can write the message again, octet by octet.
 */
import { fromBase64, toBase64 } from '../base/index.ts';
import { PART_LINE_LENGTH_MAX } from './limits.ts';

/** In the header of a manifest's part. */
export const PART_FIELD = 'Restante-Part';
/** Directly below the trace, of a message that is all in one attachment; its value is `whole`. */
export const MESSAGE_FIELD = 'Restante-Message';

/** How the content of a part stood in its message: base64 in lines of one length. */
export interface PartLayout {
  /** Of the part, as it was, with the empty line after it. */
  readonly header: Uint8Array;
  /** Characters of each line but the last. */
  readonly lineLength: number;
  /** Line ends after the last line. */
  readonly endCount: number;
}

const FOLDED = 76;

/** With its line end. */
export function encodePartField({ endCount, header, lineLength }: PartLayout): string {
  const lines = toBase64(header).match(new RegExp(`.{1,${FOLDED}}`, 'g')) ?? [];
  return `${PART_FIELD}: ${lineLength} ${endCount}${lines.map((line) => `\r\n ${line}`).join('')}\r\n`;
}

/** Undefined for what is no such field: it is then a manifest like any other. */
export function decodePartField(value: string): PartLayout | undefined {
  const [length = '', count = '', ...lines] = value.trim().split(/\s+/);
  const [lineLength, endCount] = [Number(length), Number(count)];
  if (!/^\d{1,3}$/.test(length) || !/^\d{1,3}$/.test(count) || lines.length === 0) return undefined;
  if (lineLength < 4 || lineLength > PART_LINE_LENGTH_MAX || lineLength % 4 !== 0) return undefined;
  try {
    return { header: fromBase64(lines.join('')), lineLength, endCount };
  } catch {
    return undefined; // not base64
  }
}

/** The encoding of Unix mail before MIME, which some programs still name as a content transfer encoding (`x-uuencode`). */

const LF = 10;
const CR = 13;
const BEGIN = /^begin(?:-base64)? [0-7]{3,4} /;

/** Takes lines between `begin` and `end`; what stands around them is no content. Without `begin`, all of it is shown as it is. */
export class UuDecoder {
  #line = '';
  /** What came before `begin`, as long as it may be everything. */
  #before: Uint8Array[] = [];
  #state: 'before' | 'within' | 'after' = 'before';

  push(bytes: Uint8Array): Uint8Array {
    if (this.#state === 'before') this.#before.push(bytes.slice());
    const decoded: Uint8Array[] = [];
    let start = 0;
    for (let at = 0; at < bytes.length; at++) {
      if (bytes[at] !== LF) continue;
      this.#line += latin1(bytes.subarray(start, at));
      start = at + 1;
      decoded.push(this.#take());
    }
    this.#line += latin1(bytes.subarray(start));
    return Buffer.concat(decoded);
  }

  end(): Uint8Array {
    const last = this.#take();
    return this.#state === 'before' ? Buffer.concat(this.#before) : last;
  }

  #take(): Uint8Array {
    const line = this.#line.endsWith(String.fromCharCode(CR)) ? this.#line.slice(0, -1) : this.#line;
    this.#line = '';
    if (this.#state === 'within' && line !== 'end') return decodeLine(line);
    if (this.#state === 'within') this.#state = 'after';
    else if (this.#state === 'before' && BEGIN.test(line)) {
      this.#state = 'within';
      this.#before = [];
    }
    return new Uint8Array(0);
  }
}

/** The first character says how many octets there are; four characters of six bits make three. Missing ones are spaces. */
function decodeLine(line: string): Uint8Array {
  const sizeBytes = (line.charCodeAt(0) - 32) & 63;
  const decoded = new Uint8Array(line === '' ? 0 : sizeBytes);
  const bits = (at: number): number => (at < line.length ? (line.charCodeAt(at) - 32) & 63 : 0);
  for (let size = 0, at = 1; size < decoded.length; size += 3, at += 4) {
    const group = (bits(at) << 18) | (bits(at + 1) << 12) | (bits(at + 2) << 6) | bits(at + 3);
    decoded[size] = group >> 16;
    if (size + 1 < decoded.length) decoded[size + 1] = group >> 8;
    if (size + 2 < decoded.length) decoded[size + 2] = group;
  }
  return decoded;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

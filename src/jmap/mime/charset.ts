/** Bytes in any character set that mail names, as text. */

type Decoder = InstanceType<typeof TextDecoder>;

const decoders = new Map<string, Decoder | undefined>();

/** Names that mail uses and the Encoding Standard lacks. */
const ALIASES: Readonly<Record<string, string>> = {
  'iso-8859-8-e': 'iso-8859-8',
  cp932: 'shift_jis',
  ansi_x3_110_1983: 'iso-8859-1',
  'x-mac-roman': 'macintosh',
  'utf-8-sig': 'utf-8',
  cp1252: 'windows-1252',
  'ks_c_5601-1987': 'euc-kr',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  cp949: 'euc-kr',
  cp936: 'gbk',
  cp950: 'big5',
  '8bit': 'utf-8',
};

export interface DecodedText {
  readonly text: string;
  /** The character set is unknown, or the bytes are not in it. */
  readonly hasProblem: boolean;
}

export function isKnownCharset(name: string): boolean {
  return normal(name) === 'utf-7' || decoderOf(name) !== undefined;
}

/** Text of `bytes`; those that are not in the character set become U+FFFD. Without a name: UTF-8, or windows-1252 if it is not that. */
export function decodeCharset(bytes: Uint8Array, name: string | undefined): DecodedText {
  if (name === undefined || /^(us-)?ascii$|^unknown/i.test(name)) {
    const text = decodeWith(bytes, 'utf-8');
    if (!text.includes('\ufffd')) return { text, hasProblem: false };
    return { text: name === undefined ? text : decodeWith(bytes, 'windows-1252'), hasProblem: true };
  }
  if (normal(name) === 'utf-7') return { text: decodeUtf7(bytes), hasProblem: false };
  if (decoderOf(name) === undefined) return { text: decodeWith(bytes, 'utf-8'), hasProblem: true };
  const text = decodeWith(bytes, name);
  return { text, hasProblem: text.includes('\ufffd') };
}

/** What windows-1252 has where ISO 8859-1 has controls. */
const WINDOWS_1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

function decodeWith(bytes: Uint8Array, name: string): string {
  const decoder = decoderOf(name) as Decoder;
  const text = decoder.decode(bytes);
  // Node 20 reads windows-1252, which the Encoding Standard also takes ISO 8859-1 and ASCII for, as pure ISO 8859-1.
  if (decoder.encoding !== 'windows-1252') return text;
  return text.replace(/[\u0080-\u009f]/g, (control) => WINDOWS_1252[control.charCodeAt(0) - 0x80] ?? control);
}

function normal(name: string): string {
  const lower = name.trim().toLowerCase();
  return lower === 'unicode-1-1-utf-7' || lower === 'utf7' ? 'utf-7' : lower;
}

function decoderOf(name: string): Decoder | undefined {
  const key = normal(name);
  if (decoders.has(key)) return decoders.get(key);
  const decoder =
    makeDecoder(ALIASES[key] ?? key) ?? makeDecoder(key.replace(/^x-|_/g, (found) => (found === '_' ? '-' : '')));
  if (key.length < 40) decoders.set(key, decoder);
  return decoder;
}

function makeDecoder(label: string): Decoder | undefined {
  try {
    return new TextDecoder(label);
  } catch {
    return undefined; // not a name of the Encoding Standard
  }
}

/** UTF-7 (RFC 2152), which some programs of the nineties wrote. */
function decodeUtf7(bytes: Uint8Array): string {
  const text = new TextDecoder('latin1').decode(bytes);
  return text.replace(/\+([A-Za-z0-9+/]*)-?/g, (_, encoded: string) => {
    if (encoded === '') return '+';
    const pairs = Buffer.from(encoded, 'base64');
    return new TextDecoder('utf-16be').decode(pairs.subarray(0, pairs.length & ~1));
  });
}

/**
 * Ordinary mail: what a home sends on, by SMTP, to people whom no home has. Where each of them has an OpenPGP key that can be
 * found, it is signed and encrypted here (PGP/MIME, RFC 3156), and the home sees who writes to whom and nothing else. Else it is
 * in the clear, and the person has said so. Every letter tells the author's own key (Autocrypt), so that answers can be encrypted.
 * What is larger than a frame is kept on this device's disk as large attachments are; of it only what is encrypted is held whole.
 */
import { fromUtf8, type SecureRandom, toBase64, toHex, utf8 } from '../../base/index.ts';
import { type Address, BODY_BYTES_MAX, type Manifest } from '../../protocol/index.ts';
import type { BodyBinding, BodyWorker, Certificate } from '../../vault/index.ts';
import type { Staging } from '../attachments/staging.ts';
import { ClientError } from '../client-error.ts';
import { base64Text, octetsOf, type WholeText, wholeText } from './whole-text.ts';

/** `best`: encrypted where everybody has a key, else in the clear. */
export type OrdinaryWish = 'encrypted' | 'plain' | 'best';

export interface WrittenLetter {
  readonly recipients: readonly Address[];
  readonly text: LetterText;
  readonly isEncrypted: boolean;
}

/** A large one is staged: what opens it. */
export type LetterText = Uint8Array | Manifest;

/** The chunk list of each that is staged. */
export function stagedLists(letters: readonly { readonly text: LetterText }[]): readonly string[] {
  return letters.flatMap(({ text }) => (text instanceof Uint8Array ? [] : [text.list]));
}

export interface LetterWish {
  /** The whole message, without Bcc. */
  readonly mime: WholeText;
  /** Whom it names. */
  readonly shown: readonly Address[];
  readonly hidden: readonly Address[];
  readonly wish: OrdinaryWish;
  /** Of the author. */
  readonly certificate: Certificate | undefined;
  readonly binding: Omit<BodyBinding, 'recipients' | 'type'>;
}

export interface LetterWriterDeps {
  readonly random: SecureRandom;
  readonly vault: () => BodyWorker;
  readonly staging: Pick<Staging, 'stage' | 'drop'>;
  readonly onProgress: (name: string, done: number, total: number) => void;
  /** The largest that the home sends, as the node connected last said; 0: none, or none was connected yet. */
  readonly bytesMax: () => number;
  /** The key of somebody whom no home has; undefined: none can be found. */
  readonly findKey: (address: Address, signal: AbortSignal | undefined) => Promise<Certificate | undefined>;
}

/** Whole, and not yet on disk where it is large. */
type UnkeptLetter = Omit<WrittenLetter, 'text'> & { readonly text: WholeText };

/** How a person is told what is being kept. */
const LETTER = 'message.eml';

export class LetterWriter {
  readonly #deps: LetterWriterDeps;

  constructor(deps: LetterWriterDeps) {
    this.#deps = deps;
  }

  /** Whether the home sends ordinary mail, as far as is known. */
  get canSend(): boolean {
    return this.#deps.bytesMax() > 0;
  }

  /** One for all who see each other, and for the hidden either the same or, encrypted, one each. Throws ClientError. */
  async write(letter: LetterWish, signal?: AbortSignal): Promise<readonly WrittenLetter[]> {
    const { hidden, shown, wish } = letter;
    if (shown.length + hidden.length === 0) return [];
    this.#judgeSize(letter, letter.mime.size);
    const keys = wish === 'plain' ? undefined : await this.#keysOf([...shown, ...hidden], wish, signal);
    const texts = keys === undefined ? [this.#plain(letter)] : this.#encrypted(letter, keys, signal);
    const letters: WrittenLetter[] = [];
    try {
      for await (const { isEncrypted, recipients, text } of texts) {
        this.#judgeSize(letter, text.size);
        letters.push({ isEncrypted, recipients, text: await this.#keep(text, signal) });
      }
    } catch (error) {
      await this.#deps.staging.drop(stagedLists(letters));
      throw error;
    }
    return letters;
  }

  #judgeSize({ hidden, shown }: LetterWish, size: number): void {
    const bytesMax = this.#deps.bytesMax();
    if (size > bytesMax)
      throw new ClientError('too_large', `as ordinary mail it has ${size} bytes, more than ${bytesMax}`, {
        details: { addresses: [...shown, ...hidden] },
        fix: 'people whom no home has get files by a link',
      });
  }

  async #keep(text: WholeText, signal: AbortSignal | undefined): Promise<LetterText> {
    const { onProgress, staging } = this.#deps;
    if (text.size <= BODY_BYTES_MAX) return octetsOf(text);
    const source = { name: LETTER, type: 'message/rfc822', ...text };
    return staging.stage(source, { signal, onProgress: (done) => onProgress(LETTER, done, text.size) });
  }

  /** Undefined: not everybody has one, and the wish is not to insist. */
  async #keysOf(
    people: readonly Address[],
    wish: OrdinaryWish,
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<Address, Certificate> | undefined> {
    const keys = new Map<Address, Certificate>();
    for (const address of people) {
      const key = await this.#deps.findKey(address, signal);
      if (key !== undefined) keys.set(address, key);
    }
    const without = people.filter((address) => !keys.has(address));
    if (without.length === 0) return keys;
    if (wish === 'best') return undefined;
    throw new ClientError('not_encrypted', `no home and no key is known of ${without.join(', ')}`, {
      details: { addresses: without },
      fix: 'send it with --plain if your home, and every mail server on the way, may read it',
    });
  }

  #plain({ binding, certificate, hidden, mime, shown }: LetterWish): UnkeptLetter {
    const text = wholeText(utf8(autocrypt(binding.author, certificate)), mime);
    return { recipients: [...shown, ...hidden], text, isEncrypted: false };
  }

  /** One after the other: of a large one only one is in memory. */
  async *#encrypted(
    letter: LetterWish,
    keys: ReadonlyMap<Address, Certificate>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<UnkeptLetter> {
    const { hidden, shown } = letter;
    const mime = await octetsOf(letter.mime);
    const bytesMax = Math.max(BODY_BYTES_MAX, this.#deps.bytesMax());
    for (const recipients of [...(shown.length > 0 ? [shown] : []), ...hidden.map((address) => [address])]) {
      const certificates = recipients.map((address) => keys.get(address)).filter((key) => key !== undefined);
      const binding = { ...letter.binding, type: 'mail', recipients } as const;
      const sealed = await this.#deps.vault().seal({ mime, certificates, binding, bytesMax }, signal);
      yield { recipients, text: this.#pgpMime(letter, mime, sealed), isEncrypted: true };
    }
  }

  #pgpMime({ binding, certificate }: LetterWish, mime: Uint8Array, sealed: Uint8Array): WholeText {
    const boundary = `=_${toHex(this.#deps.random.bytes(16))}`;
    const before = [
      ...outerFields(mime),
      'Subject: ...',
      'MIME-Version: 1.0',
      `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="${boundary}"`,
      '',
      `--${boundary}`,
      'Content-Type: application/pgp-encrypted',
      '',
      'Version: 1',
      '',
      `--${boundary}`,
      'Content-Type: application/octet-stream; name="encrypted.asc"',
      '',
      '-----BEGIN PGP MESSAGE-----',
      '',
      '',
    ];
    const after = ['', '-----END PGP MESSAGE-----', '', `--${boundary}--`, ''];
    return wholeText(
      utf8(`${autocrypt(binding.author, certificate)}${before.join('\r\n')}`),
      base64Text(sealed),
      utf8(after.join('\r\n')),
    );
  }
}

/** What stands outside of the encryption, for those who deliver it and sort it. */
const OUTER: ReadonlySet<string> = new Set([
  ...['date', 'from', 'to', 'cc', 'reply-to', 'message-id', 'in-reply-to', 'references'],
  ...['auto-submitted'],
]);

/** Octets of a message in which its header is looked for. */
const OUTER_OCTETS = 262_144;

/** As they stand in the message, with their folding. */
function outerFields(mime: Uint8Array): readonly string[] {
  const text = fromUtf8(mime.subarray(0, OUTER_OCTETS));
  const end = /\r?\n\r?\n/.exec(text)?.index ?? text.length;
  const fields = text
    .slice(0, end)
    .replace(/\r?\n/g, '\r\n')
    .split(/\r\n(?![ \t])/);
  return fields.filter((field) => OUTER.has(field.slice(0, field.indexOf(':')).trim().toLowerCase()));
}

/** https://autocrypt.org/level1.html, 2.1. The key as the account's chain has it. */
function autocrypt(author: Address, certificate: Certificate | undefined): string {
  if (certificate === undefined) return '';
  const keydata = toBase64(certificate.bytes).replace(/.{76}/g, '$&\r\n ');
  return `Autocrypt: addr=${author}; prefer-encrypt=mutual; keydata=\r\n ${keydata}\r\n`;
}

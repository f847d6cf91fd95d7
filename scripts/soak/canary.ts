/** What nobody but its reader may ever see, and which is therefore looked for everywhere. */
import { randomBytes } from 'node:crypto';
import { SecretScan } from '../../test/harness/secret-scan.ts';

/** In the subject of every mail: says which it is, and holds the canary. */
const SUBJECT = /^(\d+) (\S+)$/;

export class Canary {
  /** In every subject, text and attachment. */
  readonly word = `canary${randomBytes(12).toString('hex')}`;
  /** Of every person, and at the IMAP server. */
  readonly password = `password${randomBytes(12).toString('hex')}`;
  readonly imapPassword = `imap${randomBytes(12).toString('hex')}`;

  subject(number: number): string {
    return `${number} ${this.word}`;
  }

  /** Undefined: nobody of this run wrote it. */
  numberIn(subject: string): number | undefined {
    const [, number, word] = SUBJECT.exec(subject) ?? [];
    return word === this.word ? Number(number) : undefined;
  }

  text(number: number, words: number): string {
    return `${this.word} ${number}\n${'so many words of no meaning but this one '.repeat(Math.ceil(words / 9))}`;
  }

  attachment(number: number, size: number): Uint8Array {
    const line = Buffer.from(`${this.word} ${number} ${randomBytes(16).toString('hex')}\n`);
    return new Uint8Array(Buffer.alloc(size, line));
  }

  /** Base64 of a text looks different at each of three places, so it is looked for at all of them. */
  scan(keys: readonly Uint8Array[] = []): SecretScan {
    const words = [this.word, this.password, this.imapPassword];
    const shifted = words.flatMap((word) => [0, 1, 2].map((at) => Buffer.from(word.slice(at)).toString('base64')));
    return new SecretScan([
      ...words,
      ...keys,
      ...shifted.map((text) => text.slice(0, 4 * Math.floor(text.length / 4) - 4)),
    ]);
  }
}

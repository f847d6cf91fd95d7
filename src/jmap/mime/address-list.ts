/**
 * Addresses of a header field (RFC 5322, section 3.4), read as well as they can be. One pass over the characters; nothing is
 * refused, since drafts and malformed mail have to be shown too.
 */
import { ADDRESSES_MAX } from '../limits.ts';
import { decodeEncodedWords } from './encoded-words.ts';

export interface EmailAddress {
  readonly name: string | null;
  readonly email: string;
}

export interface AddressGroup {
  readonly name: string | null;
  readonly addresses: readonly EmailAddress[];
}

/** Groups in their order; consecutive mailboxes outside of groups stand in one without a name. */
export function parseGroupedAddresses(value: string): AddressGroup[] {
  return new AddressReader(unfold(value)).read();
}

export function parseAddresses(value: string): EmailAddress[] {
  return parseGroupedAddresses(value).flatMap(({ addresses }) => addresses);
}

export function unfold(value: string): string {
  return value.includes('\n') ? value.replace(/\r?\n(?=[ \t])/g, '').replace(/\r?\n/g, ' ') : value;
}

/** A port, and what may follow an address; longer than any. */
const PORT = /^:\d{1,5}\s*(?:$|[,;(\s])/;
const PORT_CHARACTERS = 8;

interface OpenGroup {
  readonly name: string | null;
  readonly addresses: EmailAddress[];
}

class AddressReader {
  readonly #text: string;
  #at = 0;
  readonly #groups: OpenGroup[] = [];
  #openGroup: OpenGroup | undefined;
  /** Mailboxes outside of groups, until the next group. */
  #bare: OpenGroup | undefined;
  #count = 0;
  /** What has been read of the mailbox under way. */
  #words = '';
  #comment: string | undefined;
  #angle: string | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  read(): AddressGroup[] {
    while (this.#at < this.#text.length && this.#count < ADDRESSES_MAX) this.#step(this.#text[this.#at] as string);
    this.#endMailbox();
    return this.#groups;
  }

  #step(character: string): void {
    if (character === '"') this.#words += `"${this.#quoted()}"`;
    else if (character === '(') this.#comment = this.#readComment();
    else if (character === '<') this.#angle = this.#readAngle();
    else if (character === ',') this.#next(() => this.#endMailbox());
    else if (character === ':' && this.#openGroup === undefined && this.#angle === undefined && !this.#isPort())
      this.#next(() => this.#beginGroup());
    else if (character === ';')
      this.#next(() => {
        this.#endMailbox();
        this.#openGroup = undefined;
      });
    else this.#next(() => (this.#words += character));
  }

  /** A loopback home has its port in its addresses, `bob@localhost:7990`: no group is called that. */
  #isPort(): boolean {
    return (
      /^\s*[^\s@]+@[^\s@:]+$/.test(this.#words) && PORT.test(this.#text.slice(this.#at, this.#at + PORT_CHARACTERS))
    );
  }

  #next(act: () => void): void {
    this.#at++;
    act();
  }

  /** A quoted string with its quoted pairs kept, for the name or a local part. */
  #quoted(): string {
    const start = ++this.#at;
    while (this.#at < this.#text.length && this.#text[this.#at] !== '"')
      this.#at += this.#text[this.#at] === '\\' ? 2 : 1;
    const content = this.#text.slice(start, this.#at);
    this.#at++;
    return content;
  }

  #readComment(): string {
    let depth = 0;
    let comment = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at] as string;
      if (character === '\\') comment += this.#text[++this.#at] ?? '';
      else if (character === '(' && depth++ === 0) continue;
      else if (character === ')' && --depth === 0) {
        this.#at++;
        break;
      } else comment += character;
    }
    return comment.trim();
  }

  #readAngle(): string {
    const start = ++this.#at;
    let inQuotes = false;
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '"') inQuotes = !inQuotes;
      else if (character === '\\') this.#at++;
      else if (character === '>' && !inQuotes) break;
    }
    const content = this.#text.slice(start, this.#at);
    this.#at++;
    // An obsolete route before the address (RFC 5322, section 4.4) is not part of it.
    return content.replace(/^\s*@[^:]*:/, '').trim();
  }

  #beginGroup(): void {
    const name = displayName(this.#words);
    this.#clear();
    this.#openGroup = { name, addresses: [] };
    this.#bare = undefined;
    this.#groups.push(this.#openGroup);
  }

  #endMailbox(): void {
    const address = this.#mailbox();
    this.#clear();
    if (address === undefined) return;
    this.#count++;
    if (this.#openGroup !== undefined) {
      this.#openGroup.addresses.push(address);
      return;
    }
    if (this.#bare === undefined) this.#groups.push((this.#bare = { name: null, addresses: [] }));
    this.#bare.addresses.push(address);
  }

  #mailbox(): EmailAddress | undefined {
    const words = this.#words.trim();
    const comment =
      this.#comment === undefined || this.#comment === '' ? null : clean(decodeEncodedWords(this.#comment));
    if (this.#angle !== undefined) {
      const name = words === '' ? comment : displayName(words);
      if (name === null && this.#angle === '') return undefined;
      return { name, email: spellAddress(this.#angle) };
    }
    if (words === '') return undefined;
    return { name: comment, email: spellAddress(words) };
  }

  #clear(): void {
    this.#words = '';
    this.#comment = undefined;
    this.#angle = undefined;
  }
}

/** White space around the dots and the at sign of an address is obsolete syntax; elsewhere it is no address. */
function spellAddress(text: string): string {
  if (!/[\s=]/.test(text)) return text;
  const decoded = decodeEncodedWords(text.trim());
  return decoded.includes('@') && !decoded.includes('"') && !/[^\s.@]\s+[^\s.@]/.test(decoded)
    ? decoded.replace(/\s+/g, '')
    : decoded;
}

function displayName(words: string): string | null {
  const text = words.trim().replace(/"((?:[^"\\]|\\.)*)"/g, (_, content: string) => unquoted(content));
  const name = clean(decodeEncodedWords(text));
  return name === '' ? null : name;
}

function unquoted(content: string): string {
  return content.replace(/\\(.)/g, '$1');
}

function clean(text: string): string {
  return text.replace(/\s+/g, ' ').trim().normalize('NFC');
}

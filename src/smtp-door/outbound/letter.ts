/**
 * A letter on its way out as it is on disk: to whom, since when, what each server said. The envelope is in the clear, as that
 * of any mail at this home; the text is not here (text-seal.ts).
 */
import { fromUtf8, utf8 } from '../../base/index.ts';
import { type Address, type DeliveryReport, homeOf, type PduId, parseHomeName } from '../../protocol/index.ts';
import { StoreError } from '../../store/index.ts';

/** One line of a mail server, or what we say in its place. */
export interface Reply {
  /** Of RFC 5321. */
  readonly code: number;
  /** Begins with the enhanced code, if there is one (RFC 3463). */
  readonly text: string;
}

export interface Addressee {
  readonly address: Address;
  readonly state: 'waiting' | 'delivered' | 'refused';
  /** The last that was said of it; undefined: nothing yet. */
  readonly reply: Reply | undefined;
  /** Since when it is so, milliseconds since 1970. */
  readonly at: number;
  /** Its author knows that it waits. */
  readonly isDelayTold: boolean;
}

/** Those of one domain, who are served together. */
export interface Party {
  readonly domain: string;
  readonly tries: number;
  /** Not before. */
  readonly nextAt: number;
  readonly people: readonly Addressee[];
}

export interface Letter {
  readonly number: number;
  readonly id: PduId;
  readonly author: Address;
  readonly returnsNothing: boolean;
  readonly acceptedAt: number;
  readonly sizeBytes: number;
  readonly pieces: number;
  /** Where its text is, if that came in pieces; undefined: under its number. */
  readonly upload?: string;
  readonly parties: readonly Party[];
}

export type NewLetter = Omit<Letter, 'number' | 'pieces' | 'parties' | 'upload'> & {
  readonly recipients: readonly Address[];
};

export function createLetter(number: number, pieces: number, { recipients, ...rest }: NewLetter): Letter {
  const domains = [...new Set(recipients.map(homeOf))];
  const { acceptedAt: at } = rest;
  const waiting = (address: Address): Addressee => ({
    address,
    state: 'waiting',
    reply: undefined,
    at,
    isDelayTold: false,
  });
  const parties = domains.map((domain) => ({
    domain,
    tries: 0,
    nextAt: at,
    people: recipients.filter((address) => homeOf(address) === domain).map(waiting),
  }));
  return { ...rest, number, pieces, parties };
}

export function isOver(letter: Letter): boolean {
  return letter.parties.every(isPartyOver);
}

export function isPartyOver({ people }: Party): boolean {
  return people.every(({ state }) => state !== 'waiting');
}

/** In place of an answer, when nobody was there to give one. */
const UNASKED: Reply = { code: 451, text: '4.4.1 Its mail servers were not reached yet' };

/** Undefined: there is nothing to tell of it, or nobody to be told. */
export function reportOf(
  letter: Letter,
  { address, at, isDelayTold, reply, state }: Addressee,
): DeliveryReport | undefined {
  if (letter.returnsNothing || (state === 'waiting' && !isDelayTold)) return undefined;
  const { code: smtpCode, text } = reply ?? UNASKED;
  const [code = ''] = /^[245]\.\d{1,3}\.\d{1,3}(?= |$)/.exec(text) ?? [];
  return {
    pdu: letter.id,
    home: parseHomeName(homeOf(address)),
    recipients: [address],
    status: state === 'waiting' ? 'delayed' : state,
    code,
    detail: text.slice(code.length).trim(),
    at,
    queuedAt: letter.acceptedAt,
    reply: `${smtpCode} ${text}`,
  };
}

/** Of the row; a change that an older program could misread gets another. */
const VERSION = 1;
/** Of one whose text is elsewhere: an older program would look for it in vain, and say that it is lost. */
const UPLOADED_VERSION = 2;

/** These fields and nothing else that a caller has with them: a row is not sealed. */
export function encodeLetter(letter: Letter): Uint8Array {
  const { acceptedAt, author, id, number, parties, pieces, returnsNothing, sizeBytes, upload } = letter;
  const v = upload === undefined ? VERSION : UPLOADED_VERSION;
  const row = { v, id, author, returnsNothing, acceptedAt, sizeBytes, number, pieces, parties, upload };
  return utf8(JSON.stringify(row));
}

/** Of what this program, or an earlier one, has encoded. Throws StoreError `newer_schema` for what a newer one has. */
export function decodeLetter(bytes: Uint8Array): Letter {
  const { v, ...letter } = JSON.parse(fromUtf8(bytes)) as Letter & { readonly v: number };
  if (v !== VERSION && v !== UPLOADED_VERSION)
    throw new StoreError('newer_schema', `a letter is of version ${v}`, { fix: 'Use the program that wrote it.' });
  return letter;
}

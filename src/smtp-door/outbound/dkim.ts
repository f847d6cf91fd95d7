/**
 * DKIM (RFC 6376, RFC 8463): the home's signatures over what it sends, one of RSA for everybody and one of Ed25519 for those who
 * know it, by npm's mailauth. What the receiver reads of a key stands in DNS under its selector, which is named by the day.
 */
import { createPublicKey, generateKeyPair, type KeyObject } from 'node:crypto';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { utf8 } from '../../base/index.ts';
import { DKIM_RSA_BITS } from './limits.ts';

export interface DkimKey {
  readonly selector: string;
  readonly algorithm: 'rsa' | 'ed25519';
  /** PKCS #8 in PEM. */
  readonly privateKey: string;
}

const createPair = promisify(generateKeyPair);

/** `now`: milliseconds since 1970, by which the selectors are named. */
export async function createDkimKeys(now: number): Promise<readonly DkimKey[]> {
  const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '');
  const rsa = await createPair('rsa', { modulusLength: DKIM_RSA_BITS });
  const ed25519 = await createPair('ed25519');
  return [
    { selector: `r${day}`, algorithm: 'rsa', privateKey: pemOf(rsa.privateKey) },
    { selector: `e${day}`, algorithm: 'ed25519', privateKey: pemOf(ed25519.privateKey) },
  ];
}

function pemOf(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** The TXT record at `selector._domainkey.home`. */
export function dkimRecordOf({ algorithm, privateKey }: DkimKey): string {
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  // RFC 8463, 4: of Ed25519 the key alone, without what says so.
  const key = algorithm === 'ed25519' ? spki.subarray(-32) : spki;
  return `v=DKIM1; k=${algorithm}; p=${key.toString('base64')}`;
}

/** A letter as it leaves. It can be read again, as for another server. */
export interface OutgoingText {
  readonly sizeBytes: number;
  open(): AsyncIterable<Uint8Array>;
}

export interface DkimSigner {
  readonly domain: string;
  readonly keys: readonly DkimKey[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The text with its signatures above it. Reads it once, and throws what that throws; nothing of it is held. */
export async function signDkim(open: () => AsyncIterable<Uint8Array>, signer: DkimSigner): Promise<OutgoingText> {
  let sizeBytes = 0;
  const counted = async function* (): AsyncGenerator<Uint8Array> {
    for await (const piece of open()) {
      sizeBytes += piece.length;
      yield piece;
    }
  };
  const signatures = utf8(await signaturesOf(counted(), signer));
  return {
    sizeBytes: signatures.length + sizeBytes,
    open: async function* () {
      yield signatures;
      yield* open();
    },
  };
}

async function signaturesOf(text: AsyncIterable<Uint8Array>, { domain, keys, now }: DkimSigner): Promise<string> {
  const [first] = keys;
  if (first === undefined) {
    for await (const _ of text); // only its size is asked for
    return '';
  }
  // Loaded when it is used: it brings much that a home which sends nothing does not need.
  const { dkimSign } = await import('mailauth/lib/dkim/sign.js');
  const { errors, signatures } = await dkimSign(Readable.from(text, { objectMode: false }), {
    // Its types ask for one key here; it signs by all of the list, and by nothing else.
    ...first,
    algorithm: '',
    signingDomain: domain,
    canonicalization: 'relaxed/relaxed',
    // Where none is given it asks the time twice, for what it signs and for what it writes: a signature made when a second ended was
    // none.
    signTime: new Date(now),
    signatureData: keys.map(({ privateKey, selector }) => ({ signingDomain: domain, selector, privateKey })),
  });
  const [error] = errors;
  if (error !== undefined) throw new Error('a letter cannot be signed', { cause: error });
  return signatures;
}

/**
 * One letter to one mail server, by npm's nodemailer: greeting, TLS, envelope, text. Tells of each recipient what the server
 * said, or that it said nothing. It never tries twice. The text is read as the server takes it; where reading fails, the connection
 * is cut, and what the server has of it is no letter.
 */
import { Readable } from 'node:stream';
import type { Address } from '../../protocol/index.ts';
import type { OutgoingText } from './dkim.ts';
import type { Reply } from './letter.ts';
import { ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS, GREETING_TIMEOUT_MS } from './limits.ts';

/** How the connection is secured. */
export type Security =
  /** TLS if the server offers it, whoever's certificate; else in the clear (RFC 7435). */
  | 'opportunistic'
  /** TLS by STARTTLS with the certificate of the server's name, or nothing (RFC 8461). */
  | 'verified'
  /** The same from the first octet. */
  | 'implicit'
  | 'clear';

export interface MailServer {
  /** As it is called: in its certificate, and to people. */
  readonly name: string;
  /** The IP address that was judged. */
  readonly address: string;
  readonly port: number;
  readonly security: Security;
  readonly auth: { readonly user: string; readonly pass: string } | undefined;
}

export interface Consignment {
  /** Empty: nothing is returned. */
  readonly from: string;
  readonly to: readonly Address[];
  readonly text: OutgoingText;
}

export type Talk =
  | { readonly kind: 'answered'; readonly replies: ReadonlyMap<Address, Reply> }
  /** It does not serve us now, or not at all: another may. `isTls`: that is because of TLS. */
  | { readonly kind: 'turned_away'; readonly reply: Reply; readonly isTls: boolean }
  /** It may have the letter: nobody else is asked now. */
  | { readonly kind: 'cut'; readonly reply: Reply };

/** What nodemailer adds to its errors. */
interface SmtpError extends Error {
  readonly code?: string | undefined;
  readonly response?: string | undefined;
  readonly responseCode?: number | undefined;
  readonly recipient?: string | undefined;
  readonly rejectedErrors?: readonly SmtpError[] | undefined;
}

interface SentInfo {
  readonly response: string;
  readonly rejectedErrors?: readonly SmtpError[] | undefined;
}

/** Throws the signal's reason, and what reading the text throws. */
export async function talkTo(
  server: MailServer,
  ownName: string,
  consignment: Consignment,
  signal: AbortSignal,
): Promise<Talk> {
  signal.throwIfAborted();
  // Loaded when it is used: a home that sends nothing keeps its memory.
  const { default: SmtpConnection } = await import('nodemailer/lib/smtp-connection');
  const connection = new SmtpConnection(optionsOf(server, ownName));
  const close = (): void => connection.close();
  signal.addEventListener('abort', close, { once: true });
  // Beside its callbacks it tells of errors here, also of ones that come when everything is over.
  const failed = new Promise<never>((_, reject) => connection.once('error', reject).once('end', () => reject(CUT)));
  failed.catch(() => undefined); // heard where it is waited for
  try {
    await Promise.race([failed, called((done) => connection.connect(done))]);
    const { auth } = server;
    if (auth !== undefined)
      await Promise.race([failed, called((done) => connection.login({ credentials: { ...auth } }, done))]);
  } catch (error) {
    signal.throwIfAborted();
    return turnedAway(server, error as SmtpError);
  }
  const { from, text, to } = consignment;
  const sender = from === '' ? (false as const) : from;
  const envelope = { from: sender, to: [...to], size: text.sizeBytes, use8BitMime: true };
  const octets = Readable.from(text.open(), { objectMode: false });
  try {
    const sent = called<SentInfo>((done) => connection.send(envelope, octets, done));
    return { kind: 'answered', replies: repliesOf(to, await Promise.race([failed, sent])) };
  } catch (error) {
    signal.throwIfAborted();
    if (octets.errored !== null) {
      // Within the text: a word of farewell would be a line of it.
      connection.close();
      throw octets.errored;
    }
    return notSent(server, to, error as SmtpError);
  } finally {
    signal.removeEventListener('abort', close);
    octets.destroy();
    connection.quit();
  }
}

const CUT: SmtpError = Object.assign(new Error('the connection ended'), { code: 'ECONNECTION' });

function optionsOf({ address, name, port, security }: MailServer, ownName: string): object {
  return {
    host: address,
    port,
    name: ownName,
    servername: name,
    secure: security === 'implicit',
    requireTLS: security === 'verified',
    ignoreTLS: security === 'clear',
    opportunisticTLS: security === 'opportunistic',
    // A certificate that nobody asked for proves nothing, and TLS without it is better than none.
    tls: { rejectUnauthorized: security === 'verified' || security === 'implicit', minVersion: 'TLSv1.2' },
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: GREETING_TIMEOUT_MS,
    socketTimeout: ANSWER_TIMEOUT_MS,
    allowInternalNetworkInterfaces: true,
  };
}

/** Node's way of answering, as a promise. */
function called<Result = unknown>(
  work: (done: (error?: Error | null, result?: Result) => undefined) => void,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    work((error, result) => {
      if (error === undefined || error === null) resolve(result as Result);
      else reject(error);
    });
  });
}

function repliesOf(to: readonly Address[], { rejectedErrors = [], response }: SentInfo): ReadonlyMap<Address, Reply> {
  const accepted = parseReply(response);
  const rejected = new Map(rejectedErrors.map((error) => [error.recipient, replyOf(error)]));
  return new Map(to.map((address) => [address, rejected.get(address) ?? accepted]));
}

function turnedAway({ name }: MailServer, error: SmtpError): Talk {
  const isTls = error.code === 'ETLS' || error.code === 'ESOCKET';
  const reply =
    error.responseCode === undefined ? { code: 451, text: `4.4.1 ${name}: ${error.message}` } : later(replyOf(error));
  return { kind: 'turned_away', reply, isTls };
}

/** Before the text, or after it: who is asked tells by its code. */
function notSent({ name }: MailServer, to: readonly Address[], error: SmtpError): Talk {
  const { rejectedErrors = [], responseCode } = error;
  if (rejectedErrors.length > 0) {
    const rejected = new Map(rejectedErrors.map((one) => [one.recipient, replyOf(one)]));
    return {
      kind: 'answered',
      replies: new Map(to.map((address) => [address, rejected.get(address) ?? replyOf(error)])),
    };
  }
  if (responseCode !== undefined) {
    const reply = replyOf(error);
    // RFC 5321, 3.8: the server closes, whatever was asked of it.
    if (reply.code === 421) return { kind: 'turned_away', reply, isTls: false };
    return { kind: 'answered', replies: new Map(to.map((address) => [address, reply])) };
  }
  // What the server's SIZE says it would not take is not offered.
  if (error.code === 'EMESSAGE') {
    const reply = { code: 552, text: `5.3.4 ${name} takes no letter of this size` };
    return { kind: 'answered', replies: new Map(to.map((address) => [address, reply])) };
  }
  return { kind: 'cut', reply: { code: 451, text: `4.4.2 ${name}: ${error.message}` } };
}

/** A greeting that turns us away for good is this server's, and not the letter's fate. */
function later({ code, text }: Reply): Reply {
  return code >= 500 ? { code: 451, text: `4.3.0 ${code} ${text}` } : { code, text };
}

function replyOf({ message, response, responseCode = 451 }: SmtpError): Reply {
  return response === undefined ? { code: responseCode, text: message } : parseReply(response);
}

/** Of several lines all but the first repeat the code. */
function parseReply(response: string): Reply {
  const [, code = '451', rest = ''] = /^(\d{3})[ -]?(.*)$/s.exec(response) ?? [];
  return { code: Number(code), text: rest.replace(/\r?\n\d{3}[ -](\d\.\d{1,3}\.\d{1,3} )?/g, ' ') };
}

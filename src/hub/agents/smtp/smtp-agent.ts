/**
 * Hands a message over to the submission server of an account (RFC 6409). It never tries twice by itself. The last octets of
 * a message, without which no server takes it, are sent only after `onHanding` has noted durably that they are; an end between
 * that note and the server's answer is the one moment whose outcome nobody knows, and it is said to be so.
 */
import { Readable } from 'node:stream';
import { domainToASCII } from 'node:url';
import { createTransport } from 'nodemailer';
import { whenAborted } from '../../../base/index.ts';
import { HubError } from '../../hub-error.ts';
import type { Outgoing, RecipientReply, SendOutcome, ServerSettings } from '../imap/imap-protocol.ts';
import { ANSWER_TIMEOUT_MS, CONNECT_TIMEOUT_MS } from './limits.ts';

export interface SmtpDeps {
  /** Resolves when it is durable that this message is being handed over. */
  readonly onHanding: () => Promise<void>;
}

/** What nodemailer adds to its errors. */
interface SmtpError extends Error {
  readonly code?: string;
  readonly response?: string;
  readonly syscall?: string;
  readonly responseCode?: number;
  readonly rejectedErrors?: readonly SmtpRejection[];
}

/** Throws the signal's reason, and then only when nothing was handed over. */
export async function sendMessage(
  { onHanding }: SmtpDeps,
  settings: ServerSettings,
  { from, mime, to }: Outgoing,
  signal: AbortSignal,
): Promise<SendOutcome> {
  signal.throwIfAborted();
  const transport = transportTo(settings, ANSWER_TIMEOUT_MS);
  let isHanding = false;
  const octets = async function* (): AsyncGenerator<Uint8Array> {
    const last = Math.max(0, mime.length - 1);
    yield mime.subarray(0, last);
    await onHanding();
    isHanding = true;
    yield mime.subarray(last);
  };
  const recipients = to.map(({ email }) => email);
  try {
    const sent = await transport.sendMail({ envelope: { from, to: recipients }, raw: Readable.from(octets()) });
    const rejected = byRecipient(sent.rejectedErrors as readonly SmtpRejection[] | undefined);
    const replies = recipients.map((recipient) => {
      const error = rejected.get(spelled(recipient));
      return {
        recipient,
        reply: error === undefined ? sent.response : replyOf(error),
        isAccepted: error === undefined,
        isDeferred: error !== undefined && isDeferral(error),
      };
    });
    return { kind: 'sent', replies };
  } catch (error) {
    if (isCredentialRefusal(error as SmtpError)) return credentialRefused(error as SmtpError, settings);
    return outcomeOf(error as SmtpError, recipients, isHanding);
  } finally {
    transport.close();
  }
}

/**
 * Whether the server is there and takes the credential; nothing is sent. Throws HubError `credential_refused` or
 * `server_unreachable`; the signal's reason.
 */
export async function probeSmtp(settings: ServerSettings, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const transport = transportTo(settings, CONNECT_TIMEOUT_MS);
  using _ = whenAborted(signal, () => transport.close());
  try {
    await transport.verify();
  } catch (cause) {
    signal.throwIfAborted();
    const error = cause as SmtpError;
    const { auth, host, port, user } = settings;
    if (isCredentialRefusal(error))
      throw new HubError(
        'credential_refused',
        `${host}, which is to send, does not take this ${auth === 'oauth2' ? 'token' : 'password'} for ${user}: ${replyOf(error)}`,
        { cause, fix: 'Many providers want an app password, which is made on their page, or a token (--oauth2).' },
      );
    throw new HubError(
      'server_unreachable',
      `${host}:${port}, which is to send, failed: ${error.response ?? error.message}`,
      {
        cause,
        retry: 'later',
        fix: 'Submission is usually at port 465 with TLS, or at 587 with STARTTLS. Without it the account only receives (--no-smtp).',
      },
    );
  } finally {
    transport.close();
  }
}

function transportTo({ auth, host, port, secret, security, user }: ServerSettings, socketTimeout: number) {
  return createTransport({
    host,
    port,
    secure: security === 'tls',
    requireTLS: security === 'starttls',
    ignoreTLS: security === 'none',
    auth: auth === 'oauth2' ? { type: 'OAuth2', user, accessToken: secret } : { user, pass: secret },
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

interface SmtpRejection extends SmtpError {
  readonly recipient?: string;
}

function byRecipient(rejections: readonly SmtpRejection[] = []): ReadonlyMap<string, SmtpRejection> {
  return new Map(rejections.map((rejection) => [spelled(rejection.recipient ?? ''), rejection]));
}

/** nodemailer spells domains in its own way, and names a recipient by that. */
function spelled(address: string): string {
  const at = address.lastIndexOf('@') + 1;
  const domain = address.slice(at);
  return address.slice(0, at) + (domainToASCII(domain) || domain.toLowerCase());
}

function outcomeOf(error: SmtpError, recipients: readonly string[], isHanding: boolean): SendOutcome {
  const { message, responseCode } = error;
  const rejections = byRecipient(error.rejectedErrors);
  const code = responseCode ?? 0;
  if (code >= 500 || rejections.size > 0) {
    const replies = recipients.map((recipient): RecipientReply => {
      const why = rejections.get(spelled(recipient)) ?? error;
      return { recipient, reply: replyOf(why), isAccepted: false, isDeferred: isDeferral(why) };
    });
    if (error.code !== 'EAUTH') return { kind: 'refused', replies };
  }
  if (code >= 400 || !isHanding)
    return {
      kind: 'later',
      reason: error.response ?? message,
      code: isUnreached(error) ? 'server_unreachable' : undefined,
    };
  return { kind: 'unknown', reason: message };
}

/** Nobody answered. nodemailer calls `ESOCKET` also what is wrong with a certificate: that came from no call of the system. */
function isUnreached({ code = '', response, syscall }: SmtpError): boolean {
  if (response !== undefined) return false;
  return code === 'ESOCKET' ? syscall !== undefined : ['ECONNECTION', 'EDNS', 'ETIMEDOUT'].includes(code);
}

function isCredentialRefusal({ code, responseCode = 0 }: SmtpError): boolean {
  return code === 'EAUTH' && responseCode >= 500;
}

/** The account's trouble and not the message's, and nothing but the person can end it. */
function credentialRefused(error: SmtpError, { auth, host, user }: ServerSettings): SendOutcome {
  const what = auth === 'oauth2' ? 'token' : 'password';
  const reason = `${host} does not take the ${what} for ${user}, so nothing is sent: ${replyOf(error)}. Add the account once more with the ${what} that it has now; what waits is sent then.`;
  return { kind: 'later', reason, code: 'credential_refused' };
}

function isDeferral({ responseCode = 0 }: SmtpError): boolean {
  return responseCode >= 400 && responseCode < 500;
}

/** On one line. */
function replyOf({ message, response }: SmtpError): string {
  return (response ?? `451 4.4.0 ${message}`).replace(/\r?\n/g, ' ');
}

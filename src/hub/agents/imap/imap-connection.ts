/**
 * A connection to an IMAP server, with what can go wrong said in words for a person. Bounds every line and literal of the
 * server; a certificate that is not the host's ends it before anything is said.
 */
import { ImapFlow, type ImapFlowError } from 'imapflow';
import { HubError } from '../../hub-error.ts';
import type { ServerSettings } from './imap-protocol.ts';
import { CONNECT_TIMEOUT_MS, IDLE_TIME_MS, LINE_BYTES_MAX, LITERAL_BYTES_MAX, SILENCE_MS } from './limits.ts';

/** Throws HubError `untrusted`, `credential_refused` or `server_unreachable`; the signal's reason. */
export async function connectImap(settings: ServerSettings, signal: AbortSignal): Promise<ImapFlow> {
  signal.throwIfAborted();
  const { auth, host, port, secret, security, user } = settings;
  const client = new ImapFlow({
    host,
    port,
    secure: security === 'tls',
    doSTARTTLS: security === 'starttls',
    auth: auth === 'oauth2' ? { user, accessToken: secret } : { user, pass: secret },
    tls: { rejectUnauthorized: true, minVersion: 'TLSv1.2' },
    clientInfo: { name: 'Restante' },
    logger: false,
    qresync: true,
    disableAutoIdle: true,
    maxIdleTime: IDLE_TIME_MS,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
    socketTimeout: SILENCE_MS,
    maxLineLength: LINE_BYTES_MAX,
    maxLiteralSize: LITERAL_BYTES_MAX,
    maxResponseSize: 2 * LITERAL_BYTES_MAX,
  });
  // What fails later rejects the command under way, or closes the connection: both are seen.
  client.on('error', () => undefined);
  const abort = (): void => client.close();
  signal.addEventListener('abort', abort, { once: true });
  try {
    await client.connect();
    return client;
  } catch (error) {
    client.close();
    signal.throwIfAborted();
    throw asHubError(error, settings);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

const CERTIFICATE = /^(?:CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(?:GET|VERIFY)_|ERR_TLS_CERT_)/;

export function asHubError(error: unknown, { auth, host, port, security, user }: ServerSettings): HubError {
  if (error instanceof HubError) return error;
  const { authenticationFailed, code = '', message, responseText } = error as ImapFlowError;
  const where = `${host}:${port}`;
  const said = responseText === undefined ? '' : `: ${responseText}`;
  if (authenticationFailed === true)
    return new HubError(
      'credential_refused',
      `${host} does not take this ${auth === 'oauth2' ? 'token' : 'password'} for ${user}${said}`,
      {
        cause: error,
        fix:
          auth === 'oauth2'
            ? 'Tokens last an hour or so: give one that was made now, or how new ones are made (--oauth2-refresh).'
            : 'Many providers want an app password, which is made on their page, or a token (--oauth2).',
      },
    );
  if (CERTIFICATE.test(code))
    return new HubError('untrusted', `the certificate of ${where} is not one for ${host}: ${message}`, {
      cause: error,
      fix: 'Give the name that is in the certificate. Nothing was said to that server.',
    });
  const context = { cause: error, retry: 'later' } as const;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN')
    return new HubError('server_unreachable', `there is no host ${host}`, context);
  if (code === 'ECONNREFUSED')
    return new HubError('server_unreachable', `nothing listens at ${where}`, {
      ...context,
      fix: 'IMAP is usually at port 993 with TLS, or at 143 with STARTTLS.',
    });
  if (/TIMEOUT|ETIMEDOUT/.test(code))
    return new HubError('server_unreachable', `${where} does not answer as a server does in time`, {
      ...context,
      ...(security === 'starttls' ? { fix: 'A port that speaks TLS from the first octet wants --security tls.' } : {}),
    });
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'EPROTO')
    return new HubError('server_unreachable', `${where} does not speak TLS from the first octet`, {
      ...context,
      fix: 'Try --security starttls.',
    });
  return new HubError('server_unreachable', `${where} failed: ${message}${said}`, context);
}

/** One command of one folder was refused, or the folder is another by now. Who throttles refuses all, and is given time. */
export function isRefusal(error: unknown): boolean {
  if (error instanceof HubError) return error.code === 'server_unreachable' || error.code === 'absent';
  const { code, responseStatus } = error as ImapFlowError;
  return code !== 'ETHROTTLE' && (responseStatus === 'NO' || responseStatus === 'BAD');
}

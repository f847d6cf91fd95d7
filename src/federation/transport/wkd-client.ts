/** Looks an address up in its domain's Web Key Directory: at its subdomain for that, or where there is none, at itself. */
import { DialError, type HttpAnswer, type HttpDialer, type HttpRequest, invariant } from '../../base/index.ts';
import { type Address, homeOf } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';
import { isLoopbackHome } from './discovery.ts';
import { fromDial } from './error-table.ts';
import { CERTIFICATE_BYTES_MAX, CERTIFICATE_TIMEOUT_MS } from './limits.ts';
import { WKD_PATH, wkdHash } from './wkd.ts';

/**
 * The binary certificate that the domain publishes for `address`, unjudged; undefined when it publishes none. Throws
 * FederationError.
 */
export async function locateCertificate(
  dialer: HttpDialer,
  address: Address,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const home = homeOf(address);
  const localPart = address.slice(0, -home.length - 1);
  const query = `hu/${wkdHash(localPart)}?l=${encodeURIComponent(localPart)}`;
  // A name with a port has no subdomains of its own.
  const advanced = home.includes(':') ? [] : [`https://openpgpkey.${home}${WKD_PATH}/${home}/${query}`];
  const direct = `${isLoopbackHome(home) ? 'http' : 'https'}://${home}${WKD_PATH}/${query}`;
  let failure: DialError | undefined;
  for (const url of [...advanced, direct]) {
    try {
      return read(home, await dialer.request(certificateRequest(url), signal));
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof DialError)) throw error;
      // Only where the subdomain is not there does the domain itself speak; a refused address is no answer at all.
      if (error.code !== 'unreachable') throw fromDial(home, error);
      failure = error;
    }
  }
  invariant(failure !== undefined, 'a directory is looked for at one place at least');
  throw fromDial(home, failure);
}

function certificateRequest(url: string): HttpRequest {
  return {
    method: 'GET',
    url,
    headers: {},
    body: undefined,
    answerBytesMax: CERTIFICATE_BYTES_MAX,
    timeoutMs: CERTIFICATE_TIMEOUT_MS,
  };
}

function read(home: string, answer: HttpAnswer): Uint8Array | undefined {
  if (answer.status === 200) return answer.body;
  if (answer.status < 500) return undefined;
  throw new FederationError('unavailable', `${home} answers with status ${answer.status}`, { retry: 'later' });
}

/**
 * The one way out: WebSocket connections to addresses that policy allows.
 *
 * - It resolves the name itself, judges each address, and connects to the very address it judged, so that a name which
 *   answers differently the second time (DNS rebinding) gains nothing.
 * - A redirect is a refusal: where a node has moved to is the home document's to say.
 * - One deadline covers resolving, connecting and the handshake with all addresses.
 */
import { lookup } from 'node:dns/promises';
import { isIP, type LookupFunction } from 'node:net';
import { WebSocket } from 'ws';
import type { Clock } from '../clock.ts';
import { abortable, withDeadline } from '../deadline.ts';
import { DialError } from '../dial-error.ts';
import { invariant } from '../errors.ts';
import type { Dialer, FrameSocket } from '../frame-socket.ts';
import { allowedAddresses } from './address-policy.ts';
import { DIAL_ADDRESS_TIMEOUT_MS, DIAL_ADDRESSES_MAX } from './limits.ts';
import { WsSocket, wsOptions } from './ws-socket.ts';

export interface Resolver {
  /** The IP addresses of a name, best first. Throws when there are none. */
  resolve(name: string): Promise<readonly string[]>;
}

/** The operating system's resolver, hosts file included. */
export class SystemResolver implements Resolver {
  async resolve(name: string): Promise<readonly string[]> {
    return (await lookup(name, { all: true })).map((answer) => answer.address);
  }
}

export interface WsDialerDeps {
  readonly clock: Clock;
  readonly resolver: Resolver;
}

export interface WsDialerOptions {
  /** Larger frames from the other end close the connection with 1009, before they are read. */
  readonly frameBytesMax: number;
  /** For the whole of `dial`. */
  readonly timeoutMs: number;
  /** Also connect to loopback and private addresses: a loopback home, or the operator's wish. */
  readonly allowPrivate: boolean;
}

export class WsDialer implements Dialer {
  readonly #deps: WsDialerDeps;
  readonly #options: WsDialerOptions;

  constructor(deps: WsDialerDeps, options: WsDialerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async dial(url: string, signal: AbortSignal): Promise<FrameSocket> {
    signal.throwIfAborted();
    const target = parseTarget(url);
    const { timeoutMs } = this.#options;
    const late = (): Error => new DialError('timeout', `${url} did not answer in ${timeoutMs} ms`, { retry: 'later' });
    return withDeadline(this.#deps.clock, timeoutMs, signal, late, (attempt) => this.#connect(target, attempt));
  }

  async #connect(target: URL, signal: AbortSignal): Promise<FrameSocket> {
    const addresses = await this.#resolve(target, signal);
    signal.throwIfAborted();
    try {
      return await openAt(target, addresses, this.#options.frameBytesMax, signal);
    } catch (cause) {
      signal.throwIfAborted();
      throw new DialError('unreachable', `${target.href}: ${reasonOf(cause)}`, {
        retry: 'later',
        cause,
        details: { addresses },
      });
    }
  }

  /** At least one address, all allowed. */
  async #resolve(target: URL, signal: AbortSignal): Promise<readonly string[]> {
    const host = target.hostname.replace(/^\[|\]$/g, '');
    let found: readonly string[];
    try {
      found = isIP(host) === 0 ? await abortable(this.#deps.resolver.resolve(host), signal) : [host];
    } catch (cause) {
      signal.throwIfAborted();
      throw new DialError('unreachable', `${host} has no address`, { retry: 'later', cause });
    }
    const allowed = allowedAddresses(found, this.#options.allowPrivate);
    if (found.length === 0) throw new DialError('unreachable', `${host} has no address`, { retry: 'later' });
    if (allowed.length === 0)
      throw new DialError('address_refused', `${host} is at a private or reserved address`, {
        fix: 'Allow private addresses if this server is on your own network.',
        details: { addresses: found },
      });
    return allowed.slice(0, DIAL_ADDRESSES_MAX);
  }
}

function parseTarget(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || (target.protocol !== 'ws:' && target.protocol !== 'wss:'))
    throw new DialError('bad_url', `not a ws: or wss: URL: ${url.slice(0, 200)}`);
  if (target.username !== '' || target.password !== '' || target.hash !== '')
    throw new DialError('bad_url', 'a node URL carries no user, password or fragment');
  return target;
}

/** Connects to one of `addresses` and to nothing else; the name still goes into TLS and the Host header. */
function openAt(
  target: URL,
  addresses: readonly string[],
  frameBytesMax: number,
  signal: AbortSignal,
): Promise<FrameSocket> {
  const judged = addresses.map((address) => ({ address, family: isIP(address) }));
  const first = judged[0];
  invariant(first !== undefined, 'a dial has an address');
  // Given all addresses, Node tries one after the other (RFC 8305) until one answers.
  const lookupJudged: LookupFunction = (_name, options, done) => {
    if (options.all === true) done(null, judged);
    else done(null, first.address, first.family);
  };
  const options = {
    ...wsOptions(frameBytesMax),
    followRedirects: false,
    lookup: lookupJudged,
    autoSelectFamily: true,
    autoSelectFamilyAttemptTimeout: DIAL_ADDRESS_TIMEOUT_MS,
  };
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(target, options);
    const onAbort = (): void => {
      reject(signal.reason);
      socket.terminate();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    const onError = (error: Error): void => {
      signal.removeEventListener('abort', onAbort);
      reject(error);
    };
    // Stays until the connection is adopted: an error without a listener ends the process.
    socket.on('error', onError);
    socket.once('upgrade', (response) => {
      socket.once('open', () => {
        signal.removeEventListener('abort', onAbort);
        const adopted = WsSocket.adopt(socket, response.socket);
        socket.off('error', onError);
        resolve(adopted);
      });
    });
  });
}

/** When every address failed Node throws an AggregateError without a message; the code is what says why. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message || code || 'no connection';
}

/**
 * The one way out for HTTP, under the same rules as WsDialer: it resolves the name itself, judges each address, and connects
 * to the very address it judged; redirects are answers, not orders; one deadline covers everything. Connections are kept for
 * the next request to the same server. Plain HTTP goes to loopback addresses only.
 */
import { isIP, type LookupFunction } from 'node:net';
import type { Agent } from 'undici';
import type { Clock } from '../clock.ts';
import { withDeadline } from '../deadline.ts';
import { DialError } from '../dial-error.ts';
import type { HttpAnswer, HttpDialer, HttpRequest } from '../http-dialer.ts';
import { allowedAddresses, isLoopbackAddress } from './address-policy.ts';
import {
  DIAL_ADDRESS_TIMEOUT_MS,
  DIAL_ADDRESSES_MAX,
  HTTP_CONNECT_TIMEOUT_MS,
  HTTP_CONNECTIONS_MAX,
  HTTP_SERVERS_MAX,
} from './limits.ts';
import type { Resolver } from './ws-dialer.ts';

export interface UndiciDialerDeps {
  readonly clock: Clock;
  readonly resolver: Resolver;
}

export interface UndiciDialerOptions {
  /** Also connect to loopback and private addresses: a loopback home, or the operator's wish. */
  readonly allowPrivate: boolean;
  /** Certificates (PEM) of authorities to trust instead of the system's. */
  readonly authorities?: readonly string[];
}

export class UndiciDialer implements HttpDialer, AsyncDisposable {
  readonly #deps: UndiciDialerDeps;
  readonly #options: UndiciDialerOptions;
  /** Which addresses a connection may go to depends on the protocol, so each has its own connections. */
  readonly #agents = new Map<string, Promise<Agent>>();

  constructor(deps: UndiciDialerDeps, options: UndiciDialerOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  async request(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const target = parseTarget(request.url);
    const host = target.hostname.replace(/^\[|\]$/g, '');
    // Node asks no resolver about an address.
    if (isIP(host) !== 0) this.#judge(host, [host], target.protocol);
    const late = (): Error =>
      new DialError('timeout', `${target.origin} did not answer in ${request.timeoutMs} ms`, { retry: 'later' });
    return await withDeadline(this.#deps.clock, request.timeoutMs, signal, late, async (attempt) => {
      try {
        return await this.#exchange(target, request, attempt);
      } catch (cause) {
        attempt.throwIfAborted();
        if (cause instanceof DialError) throw cause;
        throw new DialError('unreachable', `${target.origin}: ${reasonOf(cause)}`, { retry: 'later', cause });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#agents.values()) await (await agent).destroy();
  }

  async #exchange(target: URL, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const agent = await this.#agentOf(target.protocol);
    const answer = await agent.request({
      origin: target.origin,
      path: `${target.pathname}${target.search}`,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
      signal,
    });
    const headers: Record<string, string | undefined> = {};
    for (const [name, value] of Object.entries(answer.headers))
      headers[name] = Array.isArray(value) ? value.join(', ') : value;
    const chunks: Uint8Array[] = [];
    let size = 0;
    const declared = Number(headers['content-length'] ?? 0);
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > request.answerBytesMax || declared > request.answerBytesMax) {
        // Leaving the loop destroys the body, and the connection with it.
        throw new DialError('too_large', `${target.origin} answers with more than ${request.answerBytesMax} bytes`);
      }
      chunks.push(chunk);
    }
    return { status: answer.statusCode, headers, body: new Uint8Array(Buffer.concat(chunks, size)) };
  }

  #agentOf(protocol: string): Promise<Agent> {
    let agent = this.#agents.get(protocol);
    if (agent === undefined) this.#agents.set(protocol, (agent = this.#createAgent(protocol)));
    return agent;
  }

  async #createAgent(protocol: string): Promise<Agent> {
    // Loaded when it is used: most of the many processes of a hub ask nobody by HTTP, and each would keep its megabytes.
    const { Agent } = await import('undici');
    const lookup: LookupFunction = (name, options, done) => {
      this.#resolve(name, protocol).then(
        (judged) => {
          const first = judged[0] as (typeof judged)[number];
          if (options.all === true) done(null, [...judged]);
          else done(null, first.address, first.family);
        },
        (error: Error) => done(error, []),
      );
    };
    return new Agent({
      connections: HTTP_CONNECTIONS_MAX,
      maxOrigins: HTTP_SERVERS_MAX,
      pipelining: 1,
      // Deadlines are ours, and cover more.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: {
        timeout: HTTP_CONNECT_TIMEOUT_MS,
        lookup,
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: DIAL_ADDRESS_TIMEOUT_MS,
        ...(this.#options.authorities === undefined ? {} : { ca: [...this.#options.authorities] }),
      },
    });
  }

  /** At least one address, all allowed. */
  async #resolve(name: string, protocol: string): Promise<readonly { address: string; family: number }[]> {
    let found: readonly string[];
    try {
      found = await this.#deps.resolver.resolve(name);
    } catch (cause) {
      throw new DialError('unreachable', `${name} has no address`, { retry: 'later', cause });
    }
    return this.#judge(name, found, protocol).map((address) => ({ address, family: isIP(address) }));
  }

  #judge(name: string, found: readonly string[], protocol: string): readonly string[] {
    if (found.length === 0) throw new DialError('unreachable', `${name} has no address`, { retry: 'later' });
    const allowed = allowedAddresses(found, this.#options.allowPrivate);
    if (allowed.length === 0)
      throw new DialError('address_refused', `${name} is at a private or reserved address`, {
        fix: 'Allow private addresses if this server is on your own network.',
        details: { addresses: found },
      });
    const fit = protocol === 'https:' ? allowed : allowed.filter(isLoopbackAddress);
    if (fit.length === 0)
      throw new DialError('address_refused', `${name} is another machine, and plain HTTP goes to this one only`, {
        fix: 'Use https.',
        details: { addresses: found },
      });
    return fit.slice(0, DIAL_ADDRESSES_MAX);
  }
}

function parseTarget(url: string): URL {
  const target = URL.canParse(url) ? new URL(url) : undefined;
  if (target === undefined || (target.protocol !== 'http:' && target.protocol !== 'https:'))
    throw new DialError('bad_url', `not an http: or https: URL: ${url.slice(0, 200)}`);
  if (target.username !== '' || target.password !== '' || target.hash !== '')
    throw new DialError('bad_url', 'a URL to another server carries no user, password or fragment');
  return target;
}

/** When every address failed Node throws an AggregateError without a message; the code is what says why. */
function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return message || code || 'no connection';
}

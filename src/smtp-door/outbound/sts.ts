/**
 * Which policy a domain has for mail that comes to it (RFC 8461). One that was found counts as long as it says, also when nothing
 * can be asked: whoever stands on the way cannot make it go away. Kept in the store, so that a start is no gap.
 */
import { LRUCache } from 'lru-cache';
import { fromUtf8, type HttpDialer, type Log, utf8 } from '../../base/index.ts';
import type { DnsResolver } from '../../base/system/index.ts';
import type { Store } from '../../store/index.ts';
import { STS_FETCH_TIMEOUT_MS, STS_LOOK_MS, STS_POLICY_BYTES_MAX, STS_REMEMBERED } from './limits.ts';
import { stsKey } from './row-keys.ts';
import { parseStsPolicy, type StsPolicy, stsIdOf } from './sts-policy.ts';

export interface StsDeps {
  readonly dns: DnsResolver;
  readonly dialer: HttpDialer;
  readonly log: Log;
  readonly store: () => Store;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

interface Row {
  readonly id: string;
  readonly policy: StsPolicy;
  readonly fetchedAt: number;
}

export class StsPolicies {
  readonly #deps: StsDeps;
  /** When a domain was last looked at, and what counts since. */
  readonly #looked = new LRUCache<string, { readonly at: number; readonly policy: StsPolicy | undefined }>({
    max: STS_REMEMBERED,
  });

  constructor(deps: StsDeps) {
    this.#deps = deps;
  }

  /** Undefined: the domain has none that is known. */
  async policyOf(domain: string, signal: AbortSignal): Promise<StsPolicy | undefined> {
    const { now, store } = this.#deps;
    const looked = this.#looked.get(domain);
    if (looked !== undefined && now() - looked.at < STS_LOOK_MS) return looked.policy;
    const bytes = await store().get(stsKey(domain));
    const row = bytes === undefined ? undefined : (JSON.parse(fromUtf8(bytes)) as Row);
    const known = row !== undefined && now() < row.fetchedAt + row.policy.maxAgeSeconds * 1_000 ? row : undefined;
    const id = await this.#idOf(domain, signal);
    const found = id === undefined || id === known?.id ? undefined : await this.#fetch(domain, signal);
    if (id !== undefined && found !== undefined) {
      const next: Row = { id, policy: found, fetchedAt: now() };
      await store().transact((transaction) => transaction.put(stsKey(domain), utf8(JSON.stringify(next))));
    }
    const policy = found ?? known?.policy;
    this.#looked.set(domain, { at: now(), policy });
    return policy;
  }

  async #idOf(domain: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      return stsIdOf(await this.#deps.dns.records(`_mta-sts.${domain}`, 'TXT', signal));
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.log.debug({ error, domain }, 'nobody can be asked for a policy of mail');
      return undefined;
    }
  }

  /** Redirections are no answer (RFC 8461, 3.3): the dialer follows none. */
  async #fetch(domain: string, signal: AbortSignal): Promise<StsPolicy | undefined> {
    const url = `https://mta-sts.${domain}/.well-known/mta-sts.txt`;
    const limits = { answerBytesMax: STS_POLICY_BYTES_MAX, timeoutMs: STS_FETCH_TIMEOUT_MS };
    try {
      const answer = await this.#deps.dialer.request(
        { method: 'GET', url, headers: {}, body: undefined, ...limits },
        signal,
      );
      const type = answer.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
      if (answer.status === 200 && type === 'text/plain') return parseStsPolicy(fromUtf8(answer.body));
    } catch (error) {
      signal.throwIfAborted();
      this.#deps.log.info({ error, domain }, 'a policy of mail is announced and cannot be fetched');
    }
    return undefined;
  }
}

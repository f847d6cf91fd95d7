/**
 * Access tokens of OAuth 2, asked for with a refresh token (RFC 6749, section 6) when the last one is over. They are kept in
 * memory only; a refresh token that the provider replaces is told, so that it can be kept.
 */

import { z } from 'zod';
import { type Clock, DialError, fromUtf8, type HttpAnswer, type HttpDialer, utf8 } from '../../../base/index.ts';
import { HubError } from '../../hub-error.ts';
import type { OAuthRefresh } from './imap-protocol.ts';
import { SECRET_CHARACTERS_MAX, TOKEN_ANSWER_BYTES_MAX, TOKEN_EARLY_MS, TOKEN_TIMEOUT_MS } from './limits.ts';

export interface OAuthTokensDeps {
  readonly dialer: HttpDialer;
  readonly clock: Clock;
}

export interface AccessToken {
  readonly access: string;
  /** The refresh token that takes the place of the one it was asked with. */
  readonly replaced: string | undefined;
}

const secret = z.string().min(1).max(SECRET_CHARACTERS_MAX);
const granted = z.object({
  access_token: secret,
  expires_in: z.number().min(0).default(0),
  refresh_token: secret.optional(),
});
const refused = z.object({ error: z.string(), error_description: z.string().optional() });

export class OAuthTokens {
  readonly #deps: OAuthTokensDeps;
  readonly #kept = new Map<string, { readonly access: string; readonly until: number }>();
  /** By refresh token: a provider may take one once, and end the grant when it comes again. */
  readonly #asking = new Map<string, Promise<AccessToken>>();

  constructor(deps: OAuthTokensDeps) {
    this.#deps = deps;
  }

  /** Throws HubError `credential_refused` or `server_unreachable`. */
  async access(refresh: OAuthRefresh, signal: AbortSignal): Promise<AccessToken> {
    const kept = this.#kept.get(refresh.token);
    if (kept !== undefined && kept.until > this.#deps.clock.now()) return { access: kept.access, replaced: undefined };
    const asking = this.#asking.get(refresh.token) ?? this.#renew(refresh, signal);
    this.#asking.set(refresh.token, asking);
    try {
      return await asking;
    } finally {
      this.#asking.delete(refresh.token);
    }
  }

  /** An access token that a server has refused, whatever was said of how long it lasts. */
  forget(access: string): void {
    for (const [refresh, kept] of this.#kept) if (kept.access === access) this.#kept.delete(refresh);
  }

  async #renew(refresh: OAuthRefresh, signal: AbortSignal): Promise<AccessToken> {
    const { clock } = this.#deps;
    const { access_token: access, expires_in, refresh_token: replaced } = await this.#ask(refresh, signal);
    this.#kept.delete(refresh.token);
    this.#kept.set(replaced ?? refresh.token, { access, until: clock.now() + expires_in * 1000 - TOKEN_EARLY_MS });
    return { access, replaced: replaced === refresh.token ? undefined : replaced };
  }

  async #ask({ clientId, clientSecret, token, url }: OAuthRefresh, signal: AbortSignal) {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, client_id: clientId });
    if (clientSecret !== undefined) form.set('client_secret', clientSecret);
    const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' };
    const limits = { answerBytesMax: TOKEN_ANSWER_BYTES_MAX, timeoutMs: TOKEN_TIMEOUT_MS };
    let answer: HttpAnswer;
    try {
      answer = await this.#deps.dialer.request(
        { method: 'POST', url, headers, body: utf8(form.toString()), ...limits },
        signal,
      );
    } catch (cause) {
      if (!(cause instanceof DialError)) throw cause;
      throw unreachable(url, cause.message, cause);
    }
    const said = jsonOf(answer.body);
    const good = granted.safeParse(said);
    if (answer.status === 200 && good.success) return good.data;
    const { data } = refused.safeParse(said);
    if (answer.status >= 500 || data === undefined) throw unreachable(url, `it answered ${answer.status}`);
    throw new HubError(
      'credential_refused',
      `${new URL(url).host} gives no new token: ${data.error_description ?? data.error}`,
      {
        fix: 'Allow this program once more at the provider, and add the account again with the new refresh token.',
      },
    );
  }
}

function unreachable(url: string, why: string, cause?: unknown): HubError {
  return new HubError('server_unreachable', `no token comes from ${new URL(url).host}: ${why}`, {
    cause,
    retry: 'later',
  });
}

function jsonOf(body: Uint8Array): unknown {
  try {
    return JSON.parse(fromUtf8(body));
  } catch {
    return undefined; // a page for people, as proxies show: judged by its status
  }
}

/** What a person asks of their own user server, beside JMAP: by HTTP at a hub, as any of their programs would. */
import { CodedError, fromUtf8, utf8 } from '../base/index.ts';
import { SystemResolver, UndiciDialer } from '../base/system/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { HUB_ANSWER_BYTES_MAX, HUB_TIMEOUT_MS } from './limits.ts';

export interface HubLogin {
  /** Without a slash at the end. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** Throws what the hub refuses, with its code; DialError; CliError `usage`. */
export async function askHub(
  { deps, signal }: Context,
  { password, url, user }: HubLogin,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
): Promise<unknown> {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url))
    throw new CliError('usage', `${url} is no URL of a hub`, { fix: 'Write it like https://hub.home.example.' });
  await using dialer = new UndiciDialer({ clock: deps.clock, resolver: new SystemResolver() }, { allowPrivate: true });
  const answer = await dialer.request(
    {
      method,
      url: `${url}${path}`,
      headers: {
        authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : utf8(JSON.stringify(body)),
      answerBytesMax: HUB_ANSWER_BYTES_MAX,
      timeoutMs: HUB_TIMEOUT_MS,
    },
    signal,
  );
  const text = fromUtf8(answer.body);
  if (answer.status === 200) return JSON.parse(text);
  const isJson = answer.headers['content-type']?.includes('json') === true;
  const { code, detail, fix } = (isJson ? JSON.parse(text) : {}) as {
    readonly code?: string;
    readonly detail?: string;
    readonly fix?: string;
  };
  throw new CodedError(
    code ?? 'failed',
    detail ?? `the hub answered ${answer.status}`,
    fix === undefined ? {} : { fix },
  );
}

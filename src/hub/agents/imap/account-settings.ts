/** The servers of an IMAP account, judged once, and kept in the journal of the person's store, which is sealed. */
import { z } from 'zod';
import type { MailAccount } from '../../../jmap/index.ts';
import { isLoopbackHost } from '../../../protocol/index.ts';
import { HubError } from '../../hub-error.ts';
import type { ImapSettings } from './imap-protocol.ts';
import { HOST_CHARACTERS_MAX, SECRET_CHARACTERS_MAX } from './limits.ts';

const server = z
  .strictObject({
    host: z
      .string()
      .min(1)
      .max(HOST_CHARACTERS_MAX)
      .regex(/^[A-Za-z0-9.:-]+$/),
    port: z.int().min(1).max(65_535),
    security: z.enum(['tls', 'starttls', 'none']),
    user: z.string().min(1).max(HOST_CHARACTERS_MAX),
    secret: z.string().max(SECRET_CHARACTERS_MAX).default(''),
    auth: z.enum(['password', 'oauth2']),
  })
  .refine(({ host, security }) => security !== 'none' || isLoopbackHost(host), {
    error: 'without TLS others would read the password: only a server on this machine may be used so',
  });

const refresh = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .max(HOST_CHARACTERS_MAX)
    .refine((url) => url.startsWith('https:') || isLoopbackHost(new URL(url).hostname), 'an https: URL'),
  clientId: z.string().min(1).max(HOST_CHARACTERS_MAX),
  clientSecret: z.string().min(1).max(HOST_CHARACTERS_MAX).optional(),
  token: z.string().min(1).max(SECRET_CHARACTERS_MAX),
});

const settings = z
  .strictObject({
    address: z
      .string()
      .max(HOST_CHARACTERS_MAX)
      .regex(/^[^\s@<>]+@[^\s@<>]+$/),
    imap: server,
    smtp: server.optional(),
    refresh: refresh.optional(),
  })
  .refine(({ imap, refresh, smtp }) => (refresh === undefined ? imap.secret !== '' && smtp?.secret !== '' : true), {
    error: 'a password or token is needed',
  })
  .refine(({ imap, refresh, smtp }) => refresh === undefined || [imap, smtp].every((one) => one?.auth !== 'password'), {
    error: 'a refresh token goes with OAuth 2',
  });

const SETTINGS = 'imap-settings';

/** Throws HubError `malformed`. */
export function parseImapSettings(value: unknown): ImapSettings {
  const parsed = settings.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new HubError('malformed', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not settings'}`);
  }
  const { address, imap, refresh, smtp } = parsed.data;
  const kept = refresh === undefined ? {} : { refresh: { ...refresh, clientSecret: refresh.clientSecret } };
  return { address, imap, smtp, ...kept };
}

export function readImapSettings(account: MailAccount): ImapSettings {
  const kept = account.objects.get<ImapSettings>('Private', SETTINGS);
  if (kept === undefined) throw new HubError('absent', 'the account has no settings');
  const { address, imap, refresh, smtp } = kept;
  return { address, imap, smtp, ...(refresh === undefined ? {} : { refresh }) };
}

export function writeImapSettings(account: MailAccount, kept: ImapSettings): void {
  account.objects.put('Private', SETTINGS, kept);
}

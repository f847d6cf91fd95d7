/**
 * Ordinary mail of the people of the home that runs here: by which way it leaves, and the keys that seal it on disk and sign it
 * on its way.
 *
 *     DIR/keys/letters.key     what seals the texts that wait; in no backup
 *     DIR/keys/dkim.json       what signs them; removed, new ones are made, whose records `restante dns` shows
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { fromHex, type Log, toHex } from '../base/index.ts';
import { SystemDnsResolver, SystemResolver, UndiciDialer } from '../base/system/index.ts';
import type { Node } from '../node/index.ts';
import { isLoopbackHost } from '../protocol/index.ts';
import type { DkimKey, Outbound, Relay } from '../smtp-door/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { writeDurably } from './durable-file.ts';
import { LETTER_BYTES_DEFAULT, LETTER_BYTES_LIMIT } from './limits.ts';
import { bytesArgument } from './options.ts';
import { dataFolderOf } from './server.ts';

export interface LetterFlags {
  readonly smtpSend?: boolean;
  readonly smtpRelay?: RelayUrl;
  readonly smtpRelayPasswordFile?: string;
  readonly smtpName?: string;
  readonly smtpSendSize?: number;
  readonly smtpDns?: string;
}

/** A smarthost as the operator writes it: without its password. */
type RelayUrl = Omit<Relay, 'auth'> & { readonly user: string | undefined };

const PASSWORD_VARIABLE = 'RESTANTE_SMTP_RELAY_PASSWORD';

export function addLetterOptions(command: Command): Command {
  return command
    .option('--smtp-send', 'send ordinary mail of the people of this home, to the mail servers of each domain')
    .addOption(
      new Option('--smtp-relay <url>', 'send it through one server, such as smtps://user@smtp.example').argParser(
        relayUrl,
      ),
    )
    .option('--smtp-relay-password-file <file>', `its password; or in ${PASSWORD_VARIABLE}`)
    .addOption(
      new Option('--smtp-send-size <size>', 'the largest message that is sent (default: 25 MiB)').argParser(letterSize),
    )
    .option('--smtp-name <name>', 'what this machine calls itself to mail servers (default: mail.HOME)');
}

/** Throws InvalidArgumentError. */
function letterSize(text: string): number {
  const bytes = bytesArgument(text);
  if (bytes > LETTER_BYTES_LIMIT || bytes < 1) throw new InvalidArgumentError('It has at most 50 MiB.');
  return bytes;
}

/** Throws InvalidArgumentError. */
function relayUrl(text: string): RelayUrl {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'smtp:' && url?.protocol !== 'smtps:')
    throw new InvalidArgumentError('Write it like smtps://user@smtp.example, or smtp:// for STARTTLS.');
  if (url.password !== '')
    throw new InvalidArgumentError(`Everybody on this machine sees an argument: give it in ${PASSWORD_VARIABLE}.`);
  const isImplicit = url.protocol === 'smtps:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return {
    host,
    port: url.port === '' ? (isImplicit ? 465 : 587) : Number(url.port),
    // On this machine nobody listens, and a certificate names no such host.
    security: isImplicit ? 'implicit' : isLoopbackHost(host) ? 'opportunistic' : 'verified',
    user: url.username === '' ? undefined : decodeURIComponent(url.username),
  };
}

export function dkimKeysFile(folder: string): string {
  return join(folder, 'keys', 'dkim.json');
}

/** Whether this home sends ordinary mail, known before it does. */
export function sendsLetters({ smtpRelay, smtpSend }: LetterFlags): boolean {
  return smtpSend === true || smtpRelay !== undefined;
}

/** The largest letter; 0: this home sends none. */
export function letterBytesOf(flags: LetterFlags): number {
  return sendsLetters(flags) ? (flags.smtpSendSize ?? LETTER_BYTES_DEFAULT) : 0;
}

/** Undefined: this home sends none. */
export async function openOutbound(
  context: Context,
  log: Log,
  node: Node,
  place: LetterFlags & { readonly data?: string },
): Promise<Outbound | undefined> {
  const { smtpDns, smtpName, smtpRelay, smtpSend } = place;
  if (smtpSend === true && smtpRelay !== undefined)
    throw new CliError('usage', 'mail goes to the servers of each domain, or through one', {
      fix: 'Give --smtp-send or --smtp-relay.',
    });
  if (!sendsLetters(place)) return undefined;
  const { Outbound } = await import('../smtp-door/index.ts');
  const { deps } = context;
  const { home } = node;
  const [host = home] = home.split(':');
  const isLoopback = isLoopbackHost(host);
  const folder = dataFolderOf(context, place);
  const dialer = new UndiciDialer({ ...deps, resolver: new SystemResolver() }, { allowPrivate: isLoopback });
  const outbound = await Outbound.open(
    { ...deps, log, dns: new SystemDnsResolver(smtpDns), dialer, registry: node.registry, doorway: () => node.doorway },
    {
      home,
      name: smtpName ?? (isLoopback ? host : `mail.${home}`),
      relay: smtpRelay === undefined ? undefined : { ...smtpRelay, auth: await authOf(context, smtpRelay, place) },
      allowPrivate: isLoopback,
      port: MAIL_PORT,
      bytesMax: letterBytesOf(place),
      key: await openSealKey(context, join(folder, 'keys', 'letters.key')),
      dkim: isLoopback ? [] : await openDkimKeys(context, dkimKeysFile(folder)),
    },
  );
  node.carry(outbound);
  return outbound;
}

/** RFC 5321, 4.5.4.2. */
const MAIL_PORT = 25;

async function authOf(
  { streams }: Context,
  { user }: RelayUrl,
  { smtpRelayPasswordFile: file }: LetterFlags,
): Promise<Relay['auth']> {
  if (user === undefined) return undefined;
  const given = file === undefined ? streams.environment[PASSWORD_VARIABLE] : await readFile(file, 'utf8');
  const pass = given?.replace(/\r?\n$/, '');
  if (pass === undefined || pass === '')
    throw new CliError('usage', `the password of ${user} at the relay is not given`, {
      fix: `Give it in ${PASSWORD_VARIABLE}, or the file that has it with --smtp-relay-password-file.`,
    });
  return { user, pass };
}

async function openSealKey({ deps }: Context, file: string): Promise<Uint8Array> {
  const kept = await readIfThere(file);
  if (kept !== undefined) return fromHex(kept.trim());
  const key = deps.random.bytes(SEAL_KEY_BYTES);
  await writeDurably(file, `${toHex(key)}\n`);
  return key;
}

/** Of AES-256. */
const SEAL_KEY_BYTES = 32;
const algorithm = z.enum(['rsa', 'ed25519']);
const keysSchema = z.array(z.strictObject({ selector: z.string(), algorithm, privateKey: z.string() })).min(1);

/** Made on the first start that sends. */
async function openDkimKeys({ deps }: Context, file: string): Promise<readonly DkimKey[]> {
  const kept = await readDkimKeys(file);
  if (kept.length > 0) return kept;
  const { createDkimKeys } = await import('../smtp-door/index.ts');
  const keys = await createDkimKeys(deps.clock.now());
  await writeDurably(file, `${JSON.stringify(keys)}\n`);
  return keys;
}

/** Empty: the home has never sent. */
export async function readDkimKeys(file: string): Promise<readonly DkimKey[]> {
  const text = await readIfThere(file);
  if (text === undefined) return [];
  try {
    return keysSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new CliError('bad_keys', `${file} cannot be read`, {
      cause,
      fix: 'Remove it, and new keys are made; then set the records that `restante dns` shows.',
    });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}

/**
 * The SMTP door of the home that runs here, and the account that it signs with. That account is nobody's: its OpenPGP key,
 * password and recovery code are thrown away as they are made, so that nothing of it opens anything; what is kept is the key
 * of its only device, and the identity by which an operator could revoke that.
 *
 *     DIR/keys/smtp-door.json      address, seed of the device's key, seed of the identity key
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { z } from 'zod';
import { fromHex, type KeyPair, type Log, toHex } from '../base/index.ts';
import { SystemDnsResolver } from '../base/system/index.ts';
import type { Doorway, Node } from '../node/index.ts';
import {
  type Address,
  accountContentJson,
  deviceIdOf,
  doorAddressOf,
  encodeVaultRecord,
  isLoopbackHost,
  parseAddress,
  signDocument,
} from '../protocol/index.ts';
import type { DmarcMode, DoorKeys, SmtpDoor, SmtpDoorOptions, SpamdPlace } from '../smtp-door/index.ts';
import {
  createAccountSecrets,
  createEnrolmentParameters,
  createRecoveryCode,
  deriveRecoveryKeys,
  sealVaultRecord,
} from '../vault/index.ts';
import { CliError } from './cli-error.ts';
import type { Context, Deps } from './context.ts';
import { writeDurably } from './durable-file.ts';
import { REGISTRAR_PAUSE_MS, REGISTRAR_WAIT_MS } from './limits.ts';
import { bytesArgument, dnsServerOption, portOption } from './options.ts';
import { dataFolderOf } from './server.ts';

export interface SmtpDoorFlags {
  readonly smtpPort?: number;
  readonly smtpHost?: string;
  readonly smtpTlsCert?: string;
  readonly smtpTlsKey?: string;
  readonly smtpXclient?: boolean;
  readonly smtpDns?: string;
  readonly smtpDmarc?: DmarcMode;
  readonly smtpSize?: number;
  readonly smtpFilter?: SpamdPlace;
  /** Absent for what knows of no door. */
  readonly smtpGreylist?: boolean;
}

/** Where the node of the door is, and what secures it. */
export interface DoorPlace extends SmtpDoorFlags {
  readonly data?: string;
  readonly host: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

export function addSmtpDoorOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--smtp-port <number>', 'take ordinary mail for the people of this home').argParser(portOption),
    )
    .option('--smtp-host <address>', 'where to listen for it (default: as --host)')
    .option('--smtp-tls-cert <file>', 'certificate for STARTTLS, where a proxy has the other (default: as --tls-cert)')
    .option('--smtp-tls-key <file>', 'its key')
    .addOption(
      new Option('--smtp-size <size>', 'the largest message that is taken (default: 50 MiB)').argParser(bytesArgument),
    )
    .addOption(
      new Option('--smtp-dmarc <how>', 'refuse mail whose domain asks for that (obey), or only say so in it (mark)')
        .choices(['obey', 'mark'])
        .default('obey'),
    )
    .addOption(
      new Option(
        '--smtp-filter <place>',
        'ask SpamAssassin what is junk: spamd:127.0.0.1:783, or spamd:/path/of/its/socket',
      ).argParser(spamdPlace),
    )
    .option('--smtp-xclient', 'believe a mail server on this machine who says by XCLIENT from where mail comes')
    .option('--no-smtp-greylist', 'take mail at once from networks that never wrote and that no SPF vouches for')
    .addOption(
      new Option('--smtp-dns <address>', 'the DNS server to ask (default: those of the system)').argParser(
        dnsServerOption,
      ),
    );
}

/** On this machine: it is shown the text. */
function spamdPlace(text: string): SpamdPlace {
  const [, path, host = '', port] = /^spamd:(?:(\/.+)|(.+):(\d{1,5}))$/.exec(text) ?? [];
  if (path !== undefined) return { path };
  if (port === undefined || !isLoopbackHost(host))
    throw new InvalidArgumentError(
      'Write it like spamd:127.0.0.1:783; it sees mail in the clear, so it is on this machine.',
    );
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}

/** What STARTTLS is offered with; undefined: mail comes in the clear, as SMTP allows, and is encrypted here. */
export function smtpTlsOf(place: DoorPlace): SmtpDoorOptions['tls'] {
  const { smtpTlsCert = place.tlsCert, smtpTlsKey = place.tlsKey } = place;
  if ((place.smtpTlsCert === undefined) !== (place.smtpTlsKey === undefined))
    throw new CliError('usage', 'a certificate and its key belong together', {
      fix: 'Give --smtp-tls-cert and --smtp-tls-key.',
    });
  return smtpTlsCert === undefined || smtpTlsKey === undefined
    ? undefined
    : { certFile: smtpTlsCert, keyFile: smtpTlsKey };
}

/** There once a door was opened. */
export function doorKeysFile(folder: string): string {
  return join(folder, 'keys', 'smtp-door.json');
}

/** Undefined: none is wanted. */
export async function openSmtpDoor(
  context: Context,
  log: Log,
  node: Node,
  place: DoorPlace,
): Promise<SmtpDoor | undefined> {
  const { host, smtpDmarc = 'obey', smtpDns, smtpHost, smtpPort } = place;
  if (smtpPort === undefined) return undefined;
  const tls = smtpTlsOf(place);
  // Loaded when it is used: a command starts faster without it.
  const { MESSAGE_BYTES_DEFAULT, MESSAGE_BYTES_LIMIT, SmtpDoor, SpamdFilter } = await import('../smtp-door/index.ts');
  const sizeBytesMax = place.smtpSize ?? MESSAGE_BYTES_DEFAULT;
  if (sizeBytesMax > MESSAGE_BYTES_LIMIT || sizeBytesMax < 1)
    throw new CliError('usage', 'a message is held in memory while it comes: at most 512 MiB', {
      fix: 'Give a smaller --smtp-size.',
    });
  const filter = place.smtpFilter === undefined ? undefined : new SpamdFilter(place.smtpFilter);
  const keys = await openDoorKeys(context.deps, node, doorKeysFile(dataFolderOf(context, place)), context.signal);
  const dns = new SystemDnsResolver(smtpDns);
  const door = await SmtpDoor.open(
    { ...context.deps, log, dns, filter, registry: node.registry, doorway: () => node.doorway },
    {
      home: node.home,
      keys,
      host: smtpHost ?? host,
      port: smtpPort,
      tls,
      dmarc: smtpDmarc,
      sizeBytesMax,
      isGreylisting: place.smtpGreylist ?? true,
      believesXclient: place.smtpXclient ?? false,
    },
  );
  node.watchDoor(() => door.status);
  return door;
}

const seed = z.string().regex(/^[0-9a-f]{64}$/);
const fileSchema = z.strictObject({ address: z.string(), device: seed, identity: seed });

/** A folder that was restored without the file, or with a file whose account is not here, gets a new account. */
async function openDoorKeys(deps: Deps, node: Node, file: string, signal: AbortSignal): Promise<DoorKeys> {
  const kept = await readDoorKeys(deps, file);
  if (kept !== undefined && (await node.doorway.hasAccount(kept.address))) return kept;
  const [deviceSeed, identitySeed] = [deps.random.bytes(32), deps.random.bytes(32)];
  const device = deps.suite.keyPair(deviceSeed);
  const address = doorAddressOf(node.home, deviceIdOf(deps.suite, device.publicKey));
  const text = JSON.stringify({ address, device: toHex(deviceSeed), identity: toHex(identitySeed) });
  // Before the account: one without its keys would be nobody's for ever.
  await writeDurably(file, `${text}\n`);
  const { document, vault } = await createDoorAccount(deps, address, device, deps.suite.keyPair(identitySeed));
  const registered = await register(deps, node, document, vault, signal);
  if (registered.status === 'refused')
    throw new CliError('no_door', `the door has no account: ${registered.why}`, {
      details: { code: registered.code },
      fix: 'Start the node that takes new accounts first, this once; `restante fleet status` shows which it is.',
    });
  return { address, device };
}

/** A node that has just started may not have heard of the others of its home yet. */
async function register(
  { clock }: Deps,
  node: Node,
  document: Uint8Array,
  vault: Uint8Array,
  signal: AbortSignal,
): Promise<Awaited<ReturnType<Doorway['register']>>> {
  const startedAt = clock.monotonic();
  for (;;) {
    const registered = await node.doorway.register(document, vault);
    const isAway = registered.status === 'refused' && registered.code === 'registrar_away';
    if (!isAway || clock.monotonic() - startedAt > REGISTRAR_WAIT_MS) return registered;
    await clock.sleep(REGISTRAR_PAUSE_MS, signal);
  }
}

async function readDoorKeys({ suite }: Deps, file: string): Promise<DoorKeys | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  try {
    const { address, device } = fileSchema.parse(JSON.parse(text));
    return { address: parseAddress(address), device: suite.keyPair(fromHex(device)) };
  } catch (cause) {
    throw new CliError('no_door', `${file} cannot be read`, {
      cause,
      fix: 'Remove it, and the door gets a new account.',
    });
  }
}

async function createDoorAccount(
  { clock, random, suite }: Deps,
  address: Address,
  device: KeyPair,
  identity: KeyPair,
): Promise<{ readonly document: Uint8Array; readonly vault: Uint8Array }> {
  const time = Math.floor(clock.now());
  const secrets = { ...(await createAccountSecrets({ suite, random }, { address, createdAt: time })), identity };
  const forgotten = () => deriveRecoveryKeys(suite, createRecoveryCode(random));
  const vault = encodeVaultRecord(
    sealVaultRecord(random, secrets, {
      password: { parameters: createEnrolmentParameters(random), keys: forgotten() },
      recovery: forgotten(),
    }),
  );
  const id = deviceIdOf(suite, device.publicKey);
  const content = accountContentJson({
    address,
    version: 1,
    previous: null,
    time,
    identity: identity.publicKey,
    certificates: [secrets.certificate],
    devices: [{ id, key: device.publicKey, name: 'SMTP door', addedAt: time }],
    revoked: [],
    vault: { sha256: suite.sha256Hex(vault), size: vault.length },
    retentionDays: 0,
    closed: false,
  });
  return { document: signDocument(suite, content, [identity]), vault };
}

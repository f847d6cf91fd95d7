/**
 * The MTA-STS policy of a home (RFC 8461), as `up` is told: it stays in the folder as long as it is told so, since `dns` and
 * `doctor` say which one others are to find.
 *
 *     DIR/mta-sts.txt      what the node answers at /.well-known/mta-sts.txt
 */
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { isLoopbackHome } from '../federation/index.ts';
import type { HomeName } from '../protocol/index.ts';
import type { StsMode } from '../smtp-door/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { writeDurably } from './durable-file.ts';
import { hostOption } from './options.ts';
import { dataFolderOf, loadNode } from './server.ts';
import { type DoorPlace, smtpTlsOf } from './smtp-door.ts';

export interface StsFlags {
  readonly smtpSts?: StsMode;
  readonly smtpMx?: readonly string[];
}

interface StsPlace extends StsFlags, DoorPlace {
  readonly home?: HomeName;
}

const MODES: readonly StsMode[] = ['none', 'testing', 'enforce'];

export function addStsOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--smtp-sts <mode>',
        'tell mail servers to bring mail by TLS to a right name only (MTA-STS): testing, then enforce; none takes it back',
      ).choices(MODES),
    )
    .addOption(
      new Option('--smtp-mx <names...>', 'the machines with a door that it names (default: mail.HOME)').argParser(
        (text: string, before: readonly string[] | undefined) => [...(before ?? []), hostOption(text)],
      ),
    );
}

/** The text, on disk; undefined: none is wanted, and none is there any more. */
export async function keepStsPolicy(context: Context, place: StsPlace): Promise<string | undefined> {
  const folder = dataFolderOf(context, place);
  const { smtpMx, smtpPort, smtpSts: mode } = place;
  if (mode === undefined) {
    if (smtpMx !== undefined)
      throw new CliError('usage', '--smtp-mx names machines of a policy, and there is none', {
        fix: 'Give --smtp-sts testing.',
      });
    await rm(stsPolicyFile(folder), { force: true });
    return undefined;
  }
  const { readHomeConfig } = await loadNode();
  const home = place.home ?? (await readHomeConfig(folder))?.home;
  if (home === undefined || isLoopbackHome(home))
    throw new CliError('usage', 'a home of this machine has no policy that anybody could find', {
      fix: 'Give --home and the domain that you have, or leave --smtp-sts out.',
    });
  if (mode !== 'none' && smtpPort !== undefined && smtpTlsOf(place) === undefined)
    throw new CliError('usage', 'mail servers would bring nothing to a door without a certificate', {
      fix: 'Give --smtp-tls-cert and --smtp-tls-key, or leave --smtp-sts out.',
    });
  const { ownPolicyText } = await import('../smtp-door/index.ts');
  const text = ownPolicyText(mode, smtpMx ?? [`mail.${home}`]);
  if (text !== (await readStsPolicy(folder))) {
    await mkdir(folder, { recursive: true, mode: 0o700 }); // of a home that begins
    await writeDurably(stsPolicyFile(folder), text);
  }
  return text;
}

/** Undefined: there is none. */
export async function readStsPolicy(folder: string): Promise<string | undefined> {
  try {
    return await readFile(stsPolicyFile(folder), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function stsPolicyFile(folder: string): string {
  return join(folder, 'mta-sts.txt');
}

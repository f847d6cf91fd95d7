/** `dns`: the records to set for this home. Nothing is asked of DNS, and no node has to run. */
import { access } from 'node:fs/promises';
import { isIP } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isLoopbackHome } from '../../federation/index.ts';
import { parseHomeName } from '../../protocol/index.ts';
import type { DnsRecord } from '../../smtp-door/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { dkimKeysFile, readDkimKeys } from '../letters.ts';
import { forServer, portOption, type ServerOptions, withExamples } from '../options.ts';
import { dataFolderOf, loadNode } from '../server.ts';
import { doorKeysFile } from '../smtp-door.ts';

interface DnsOptions extends ServerOptions {
  readonly host?: string;
  readonly port: number;
}

/** Where HTTPS is, with a proxy or without. */
const HTTPS_PORT = 443;

export function addDns(program: Command, act: Act): void {
  const command = program
    .command('dns')
    .description('Show the DNS records to set for this home, as a zone file has them.');
  withExamples(
    forServer(command)
      .addOption(
        new Option('--host <name>', 'of the machine that its node and its door are on (default: mail.HOME)').argParser(
          hostOption,
        ),
      )
      .addOption(new Option('--port <number>', 'where its node answers').argParser(portOption).default(HTTPS_PORT))
      .action(act(run)),
    'restante dns --host mail.home.example',
  );
}

async function run(context: Context, options: DnsOptions): Promise<void> {
  const [{ readHomeConfig }, { dnsRecordsOf }] = await Promise.all([loadNode(), import('../../smtp-door/index.ts')]);
  const folder = dataFolderOf(context, options);
  const config = await readHomeConfig(folder);
  if (config === undefined)
    throw new CliError('no_home', `${folder} holds no home`, {
      fix: 'Start one with `restante up`, or name its folder with --data.',
    });
  const { home } = config;
  if (isLoopbackHome(home))
    throw new CliError('usage', `${home} is a name of this machine, and stands in no DNS`, {
      fix: 'Start a home with --home and the domain that you have.',
    });
  const { host = `mail.${home}`, port } = options;
  const hasDoor = await exists(doorKeysFile(folder));
  const place = { home, host, port, hasDoor, dkim: await readDkimKeys(dkimKeysFile(folder)) };
  for (const record of dnsRecordsOf(place)) context.output.result(record, (paint) => linesOf(record, paint.dim));
}

function linesOf({ name, type, value, why }: DnsRecord, dim: (text: string) => string): string[] {
  return [dim(`; ${why}`), `${name} 3600 IN ${type} ${value}`];
}

/** Throws InvalidArgumentError. */
function hostOption(text: string): string {
  const host = text.toLowerCase().replace(/\.$/, '');
  try {
    if (isIP(host) === 0 && !host.includes(':')) return parseHomeName(host);
  } catch {
    // the parser's refusal ends as the one below
  }
  throw new InvalidArgumentError('Give the name of a machine, such as mail.home.example.');
}

async function exists(file: string): Promise<boolean> {
  try {
    await access(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}

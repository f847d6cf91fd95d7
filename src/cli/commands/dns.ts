/** `dns`: the records to set for this home. Nothing is asked of DNS, and no node has to run. */
import { type Command, Option } from 'commander';
import type { DnsRecord } from '../../smtp-door/index.ts';
import type { Act, Context } from '../context.ts';
import { homePlaceOf, type PlaceOptions } from '../home-place.ts';
import { forServer, hostOption, portOption, withExamples } from '../options.ts';

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

async function run(context: Context, options: PlaceOptions): Promise<void> {
  const { dnsRecordsOf } = await import('../../smtp-door/index.ts');
  const place = await homePlaceOf(context, options);
  for (const record of dnsRecordsOf(place)) context.output.result(record, (paint) => linesOf(record, paint.dim));
}

function linesOf({ name, type, value, why }: DnsRecord, dim: (text: string) => string): string[] {
  return [dim(`; ${why}`), `${name} 3600 IN ${type} ${value}`];
}

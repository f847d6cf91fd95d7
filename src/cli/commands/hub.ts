/** `hub …`: a hub alone, and what an operator sees and does at a running one. */

import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { untilAborted } from '../../base/index.ts';
import type { SessionStatus, UserServerStatus } from '../../hub/index.ts';
import { type Address, type HomeName, isLoopbackHost } from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { addHubOptions, asHubOperator, type HubOptions, hubFolderOf, openHub } from '../hub.ts';
import { RELIEVES_OPTION, receiveRelief, relieve, sameCommand, tellServing } from '../hub-relief.ts';
import { createLog, LOG_LEVELS, type LogLevel } from '../log.ts';
import { nodeUrlOf } from '../node-url.ts';
import { addressArgument, forServer, homeOption, portOption, type ServerOptions, withExamples } from '../options.ts';
import { showBytes, showCount, showDuration } from '../terminal/figures.ts';
import type { Output } from '../terminal/output.ts';
import type { Column } from '../terminal/table.ts';

interface HubRunOptions extends HubOptions {
  readonly home?: HomeName;
  readonly user?: Address;
  readonly node?: string;
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  readonly behindProxy?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly logLevel?: LogLevel;
  readonly relieves?: boolean;
}

/** In the hub's folder: a hub that was relieved is another process. */
const PID_FILE = 'hub.pid';

/** One after the node's. */
export const DEFAULT_HUB_PORT = 7897;

export function addHub(program: Command, act: Act): void {
  const hub = program.command('hub').description("Run people's clients on a server, for any JMAP program.");
  withExamples(
    addHubOptions(forServer(hub.command('run', { isDefault: true }).description('Run the hub alone.')))
      .addOption(
        new Option('--home <name>', 'whose people may log in (default: those of every home)').argParser(homeOption),
      )
      .addOption(new Option('--user <address>', 'the hub of this one person').argParser(addressArgument))
      .option('--node <url>', 'reach the home by this node')
      .option('--host <address>', 'where to listen', '127.0.0.1')
      .addOption(new Option('--port <number>', '0 picks a free one').argParser(portOption).default(DEFAULT_HUB_PORT))
      .option('--public-url <url>', 'where programs reach it, such as https://hub.home.example')
      .option('--behind-proxy', 'a proxy that speaks TLS stands before it')
      .option('--tls-cert <file>', 'certificate in PEM, with its chain')
      .option('--tls-key <file>', 'its key in PEM')
      .addOption(new Option('--log-level <level>', 'of the JSON log on stderr').choices(LOG_LEVELS))
      .addOption(new Option(RELIEVES_OPTION).hideHelp())
      .action(act(run)),
    'restante hub --home home.example --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem',
    'restante hub --user alice@home.example',
  );
  withExamples(
    forServer(hub.command('status').description('Show the user servers, their memory and age.')).action(act(status)),
    'restante hub status',
  );
  withExamples(
    forServer(hub.command('sessions').description('Show the open sessions.')).action(act(sessions)),
    'restante hub sessions --json',
  );
  withExamples(
    forServer(hub.command('drain').description('Take nobody any more, and send everybody away.')).action(act(drain)),
    'restante hub drain',
  );
  withExamples(
    forServer(hub.command('restart').description("Start one person's user server anew, or the hub itself."))
      .argument('[user]', 'such as alice@home.example; without: the hub, after an upgrade', addressArgument)
      .action(act(restart)),
    'restante hub restart alice@home.example',
    'restante hub restart',
  );
}

async function run(context: Context, options: HubRunOptions): Promise<void> {
  const { output, signal } = context;
  context.interruption.expectEnd();
  const { home, host, node, port, publicUrl, tlsCert, tlsKey, user } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new CliError('usage', 'a certificate and its key belong together', { fix: 'Give --tls-cert and --tls-key.' });
  if (!isLoopbackHost(host) && tlsCert === undefined && publicUrl === undefined && options.behindProxy !== true)
    throw new CliError('plain_refused', `on ${host} others would read passwords`, {
      fix: 'Give --tls-cert and --tls-key, or put a proxy before it and give --public-url https://…, or --behind-proxy.',
    });
  const relief = options.relieves === true ? await receiveRelief() : undefined;
  const log = createLog(options.logLevel ?? (output.isWatched ? 'warn' : 'info'));
  const isLocal = home?.startsWith('localhost') === true || user?.includes('@localhost') === true;
  const left = new AbortController();
  let isRelieved = false;
  await using hub = await openHub(context, log, options, {
    relief,
    relieve: async () => {
      try {
        const pid = await relieve({ hub, log, clock: context.deps.clock }, sameCommand(), signal);
        isRelieved = true;
        left.abort();
        return pid;
      } catch (error) {
        if (hub.hasLeft) left.abort(error);
        throw error;
      }
    },
    host,
    port,
    publicUrl,
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { tls: { certFile: tlsCert, keyFile: tlsKey } }),
    ...(home === undefined ? {} : { homes: [home] }),
    nodeUrl: node === undefined ? undefined : nodeUrlOf(node),
    allowPrivate: isLocal || (node !== undefined && isLoopbackHost(new URL(nodeUrlOf(node)).hostname)),
    onlyUser: user,
  });
  // Once: who has read that line of the process before may read no more, and this one would end by it.
  if (relief === undefined) sayReady(output, home, hub.url);
  const pidFile = join(hubFolderOf(context, options), PID_FILE);
  await writeFile(pidFile, `${process.pid}\n`);
  if (relief !== undefined) tellServing();
  await untilAborted(AbortSignal.any([signal, left.signal]));
  if (isRelieved) return;
  await rm(pidFile, { force: true });
  // Whoever watches over this process starts another one.
  if (left.signal.aborted) throw left.signal.reason;
}

function sayReady(output: Output, home: HomeName | undefined, url: string): void {
  output.result({ ready: true, home: home ?? null, jmap: url }, (paint) => [
    '',
    `  ${paint.good('●')} ${paint.bold('The hub is open.')}  ${url}`,
    '',
    '  Whoever runs it can read the mail of everybody who is logged in.',
    '',
    `  ${paint.dim('Ctrl-C stops it.')}`,
  ]);
}

async function status(context: Context, options: ServerOptions): Promise<void> {
  const { host, users } = await asHubOperator(context, options, (operator) => operator.status());
  const fieldsOf = (user: UserServerStatus): object => ({ host, ...user });
  context.output.table(users, fieldsOf, USER_COLUMNS, 'No user server runs.');
}

async function sessions(context: Context, options: ServerOptions): Promise<void> {
  const open = await asHubOperator(context, options, (operator) => operator.sessions());
  context.output.table(open, (session) => session, SESSION_COLUMNS, 'No session is open.');
}

async function drain(context: Context, options: ServerOptions): Promise<void> {
  const drained = await asHubOperator(context, options, (operator) => operator.drain());
  context.output.result(drained, () => `Sessions ended: ${showCount(drained.ended)}.`);
}

async function restart(context: Context, options: ServerOptions, user: Address | undefined): Promise<void> {
  if (user === undefined) {
    const relieved = await asHubOperator(context, options, (operator) => operator.relieve());
    context.output.result(relieved, () => `Process ${relieved.pid} is the hub from now on; user servers go on.`);
    return;
  }
  const restarted = await asHubOperator(context, options, (operator) => operator.restart(user));
  context.output.result(restarted, () => `The user server of ${user} starts anew.`);
}

const USER_COLUMNS: readonly Column<UserServerStatus>[] = [
  { title: 'USER', cell: ({ user }) => user, flexible: 1 },
  { title: 'IS', cell: ({ phase }) => phase },
  { title: 'MEMORY', cell: ({ residentBytes }) => showBytes(residentBytes), align: 'right' },
  { title: 'CPU', cell: ({ cpuMs }) => showDuration(cpuMs), align: 'right' },
  { title: 'AGE', cell: ({ ageMs }) => showDuration(ageMs), align: 'right' },
  { title: 'CONNECTIONS', cell: ({ connections }) => showCount(connections), align: 'right' },
  { title: 'FAILURES', cell: ({ failures }) => showCount(failures), align: 'right' },
];

const SESSION_COLUMNS: readonly Column<SessionStatus>[] = [
  { title: 'USER', cell: ({ user }) => user, flexible: 1 },
  { title: 'BY', cell: ({ via }) => via },
  { title: 'MAY', cell: ({ scopes }) => scopes.join(' ') },
  { title: 'CONNECTIONS', cell: ({ connections }) => showCount(connections), align: 'right' },
  { title: 'AGE', cell: ({ ageMs }) => showDuration(ageMs), align: 'right' },
];

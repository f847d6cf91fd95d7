/** The hub as commands start and reach it: its options, its folder, its operator. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Log } from '../base/index.ts';
import type { ControlServer, ControlServerOptions, connectOperator, HomeOperator, Relief } from '../hub/index.ts';
import { type Address, type HomeName, isLoopbackHost } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { bytesArgument, countOption, portOption, type ServerOptions } from './options.ts';
import { dataFolderOf } from './server.ts';

export interface HubOptions extends ServerOptions {
  readonly hubPort?: number;
  readonly hubUrl?: string;
  readonly users?: string;
  readonly cache: 'disk' | 'memory';
  readonly idle?: number;
  readonly memory?: number;
  readonly brokerFile?: string;
  readonly brokerHost?: string;
  readonly usersMax?: number;
  readonly operatorPage?: boolean;
}

/** Of the home that a hub belongs to, and of where it listens. */
export interface HubPlace {
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string | undefined;
  readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  readonly homes?: readonly HomeName[] | undefined;
  readonly nodeUrl?: string | undefined;
  readonly allowPrivate: boolean;
  readonly onlyUser?: Address | undefined;
  /** For the operator's page, where it is on. */
  readonly home?: HomeOperator | undefined;
  /** What the process that this one relieves has handed over. */
  readonly relief?: Relief | undefined;
  /** Has another process relieve this one, where the hub is all of it. */
  readonly relieve?: (() => Promise<number>) | undefined;
}

const SECOND_MS = 1_000;

export function addHubOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--cache <where>', "of users' mail: sealed on disk, or in memory only")
        .choices(['disk', 'memory'])
        .default('disk'),
    )
    .option('--users <dir>', "the users' folders, which hosts of one broker share (default: in the hub's folder)")
    .addOption(
      new Option('--idle <seconds>', 'stop a user server that nobody uses after this').argParser(secondsOption),
    )
    .addOption(new Option('--memory <size>', 'restart a user server that takes more').argParser(bytesArgument))
    .option('--broker-file <file>', 'several hosts: a file with the RabbitMQ URL, which holds a password')
    .option('--broker-host <name>', 'how other hosts and programs reach this one (default: --host)')
    .option('--operator-page', 'serve the operator’s page also beyond loopback')
    .addOption(new Option('--users-max <count>', 'users of this host at once').argParser(countOption));
}

export function hubPortOption(): Option {
  return new Option('--hub-port <number>', 'of the hub (default: one after --port)').argParser(portOption);
}

export function hubFolderOf(context: Context, options: ServerOptions): string {
  return join(dataFolderOf(context, options), 'hub');
}

export async function openHub(
  context: Context,
  log: Log,
  options: HubOptions,
  place: HubPlace,
): Promise<ControlServer> {
  const {
    ControlServer,
    ThreadedHomeCheck,
    IDLE_TIMEOUT_MS,
    MEMORY_BYTES_MAX,
    USERS_MAX,
    pageFolder,
    userServerProgram,
  } = await loadHub();
  const folder = hubFolderOf(context, options);
  const broker = await readBroker(options, place.host, USERS_MAX);
  const { allowPrivate, home, homes, host, nodeUrl, onlyUser, port, publicUrl, relief, relieve, tls } = place;
  const hasOperatorPage = options.operatorPage === true || (isLoopbackHost(host) && publicUrl === undefined);
  const control: ControlServerOptions = {
    folder,
    usersFolder: options.users ?? join(folder, 'users'),
    program: userServerProgram(),
    pageFolder: pageFolder(),
    socket: { path: join(folder, 'hub.sock'), mode: 0o600 },
    port: { host, port, ...(tls === undefined ? {} : { tls }) },
    publicUrl,
    operatorPage: hasOperatorPage ? { home } : undefined,
    cache: options.cache,
    idleTimeoutMs: options.idle ?? IDLE_TIMEOUT_MS,
    memoryBytes: options.memory ?? MEMORY_BYTES_MAX,
    allowPrivate,
    nodeUrl,
    homes,
    onlyUser,
    broker,
    relief,
    relieve,
  };
  const homeCheck = new ThreadedHomeCheck({ ...context.deps, log }, { nodeUrl, allowPrivate });
  return ControlServer.open({ ...context.deps, log, homeCheck }, control);
}

/** The URL is in a file, since everybody on the host can read arguments and many the environment. */
async function readBroker(
  { brokerFile, brokerHost, usersMax }: HubOptions,
  host: string,
  usersMaxDefault: number,
): Promise<ControlServerOptions['broker']> {
  if (brokerFile === undefined) return undefined;
  const url = (await readFile(brokerFile, 'utf8')).trim();
  if (!/^amqps?:\/\//.test(url) || !URL.canParse(url))
    throw new CliError('usage', `${brokerFile} holds no broker's URL`, {
      fix: 'Write it like amqp://hub:password@broker.example/vhost.',
    });
  return { url, host: brokerHost ?? host, usersMax: usersMax ?? usersMaxDefault };
}

type RunningHub = NonNullable<Awaited<ReturnType<typeof connectOperator>>>;

/** Throws CliError `no_hub`. */
export async function asHubOperator<Result>(
  context: Context,
  options: ServerOptions,
  work: (operator: RunningHub) => Promise<Result>,
): Promise<Result> {
  const { connectOperator, OPERATOR_SOCKET } = await loadHub();
  const folder = hubFolderOf(context, options);
  const operator = await connectOperator(join(folder, OPERATOR_SOCKET));
  if (operator === undefined)
    throw new CliError('no_hub', `no hub runs in ${folder}`, {
      fix: 'Start one with `restante up` or `restante hub`, or name its folder with --data.',
    });
  return work(operator);
}

/** Loaded when it is used: a command starts faster without it. */
export function loadHub(): Promise<typeof import('../hub/index.ts')> {
  return import('../hub/index.ts');
}

function secondsOption(text: string): number {
  const seconds = countOption(text);
  if (seconds === 0) throw new InvalidArgumentError('It is at least one second.');
  return seconds * SECOND_MS;
}

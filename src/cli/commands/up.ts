/** `up` and `node`: a home that serves until it is told to stop. */
import { type Command, Option } from 'commander';
import { type Log, untilAborted } from '../../base/index.ts';
import type { ControlServer, HomeOperator } from '../../hub/index.ts';
import type { Node, NodeOptions, Registration } from '../../node/index.ts';
import { type HomeName, isDoorAddress, isLoopbackHost } from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { addHubOptions, type HubOptions, hubPortOption, openHub } from '../hub.ts';
import { addLetterOptions, type LetterFlags, letterBytesOf, openOutbound } from '../letters.ts';
import { createLog, LOG_LEVELS, type LogLevel } from '../log.ts';
import { addStsOptions, keepStsPolicy, type StsFlags } from '../mta-sts.ts';
import {
  bytesArgument,
  countOption,
  databaseOption,
  forServer,
  homeOption,
  limitOption,
  portOption,
  withExamples,
} from '../options.ts';
import { dataFolderOf, loadNode } from '../server.ts';
import { addSmtpDoorOptions, openSmtpDoor, type SmtpDoorFlags, smtpTlsOf } from '../smtp-door.ts';

interface UpOptions extends HubOptions, SmtpDoorFlags, StsFlags, LetterFlags {
  readonly home?: HomeName;
  readonly host: string;
  readonly port: number;
  readonly publicUrl?: string;
  readonly behindProxy?: boolean;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly registration: Registration;
  readonly quota?: number;
  readonly database?: string;
  readonly limit?: Readonly<Record<string, number>>;
  readonly durability?: number;
  /** Absent for `node`, which has none. */
  readonly hub?: boolean;
  readonly logLevel?: LogLevel;
}

/** The mail node's port of the seed. */
const DEFAULT_PORT = 7896;

export function addUp(program: Command, act: Act): void {
  const up = program.command('up').description('Run a home: everything that this program has, until Ctrl-C.');
  const node = program.command('node').description('Run the mail node alone.');
  addHubOptions(up)
    .addOption(hubPortOption())
    .option('--hub-url <url>', 'where programs reach the hub, when a proxy stands before it')
    .option('--no-hub', 'without a hub');
  for (const command of [up, node])
    withExamples(
      addLetterOptions(addStsOptions(addSmtpDoorOptions(forServer(command))))
        .addOption(new Option('--home <name>', 'the mail domain (default: localhost:PORT)').argParser(homeOption))
        .option('--host <address>', 'where to listen', '127.0.0.1')
        .addOption(new Option('--port <number>', '0 picks a free one').argParser(portOption).default(DEFAULT_PORT))
        .option('--public-url <url>', 'where clients reach it, such as https://mail.home.example')
        .option('--behind-proxy', 'a proxy that speaks TLS stands before it')
        .option('--tls-cert <file>', 'certificate in PEM, with its chain')
        .option('--tls-key <file>', 'its key in PEM')
        .addOption(
          new Option('--registration <how>', 'who may make an account')
            .choices(['invite', 'open', 'closed'])
            .default('invite'),
        )
        .addOption(new Option('--quota <size>', 'of each account, unless set for it').argParser(bytesArgument))
        .addOption(
          new Option('--limit <name=number>', 'another limit of the node; several times if need be').argParser(
            limitOption,
          ),
        )
        .addOption(
          new Option(
            '--durability <nodes>',
            'a mail is on the disks of so many nodes of the fleet before its receipt says so',
          ).argParser(countOption),
        )
        .addOption(databaseOption())
        .addOption(new Option('--log-level <level>', 'of the JSON log on stderr').choices(LOG_LEVELS))
        .action(act(run)),
      `restante ${command.name()} --port 7896`,
      `restante ${command.name()} --home home.example --host 0.0.0.0 --tls-cert chain.pem --tls-key key.pem`,
    );
}

async function run(context: Context, options: UpOptions): Promise<void> {
  const { output, signal } = context;
  context.interruption.expectEnd();
  const isPublic = !isLoopbackHost(options.host);
  refusePlain(options, isPublic);
  const level = options.logLevel ?? (output.isWatched ? 'warn' : 'info');
  const { Node, parseLimits } = await loadNode();
  const limits = parseLimits(options.limit ?? {});
  const log = createLog(level);
  const stsPolicy = await keepStsPolicy(context, options);
  await using node = await Node.open(
    { ...context.deps, log },
    { ...nodeOptions(context, options, limits), ...(stsPolicy === undefined ? {} : { stsPolicy }) },
  );
  await using hub = options.hub === true ? await openHomeHub(context, log, options, node) : undefined;
  if (hub !== undefined) node.onMail((accounts) => hub.announceMail(accounts));
  const invite = await firstInvite(node, options);
  await using door = await openSmtpDoor(context, log, node, options);
  await using outbound = await openOutbound(context, log, node, options);
  const operatorUrl = hub?.operatorToken && hub.hasPage ? `${hub.url}/operator.html#${hub.operatorToken}` : undefined;
  const isOpenToWorld = isPublic || options.publicUrl !== undefined;
  output.result(
    {
      ready: true,
      home: node.home,
      node: node.url,
      federation: node.httpUrl,
      ...(door === undefined ? {} : { smtp: door.port }),
      ...(outbound === undefined ? {} : { sends: true }),
      ...(hub === undefined ? {} : { jmap: hub.url, ...(hub.hasPage ? { web: `${hub.url}/` } : {}) }),
      ...(operatorUrl === undefined ? {} : { operator: operatorUrl }),
      ...(invite === undefined ? {} : { invite }),
    },
    () =>
      welcome(context, node, {
        folder: dataFolderOf(context, options),
        invite,
        isOpenToWorld,
        smtp: door === undefined ? undefined : smtpPlace(options, door.port),
        letters: outbound === undefined ? undefined : letterWay(options),
        jmap: hub?.url,
        web: hub?.hasPage === true ? `${hub.url}/` : undefined,
        operatorUrl,
      }),
  );
  const loss = await Promise.race([untilAborted(signal), node.lost]);
  if (loss !== undefined) throw loss;
  if (!output.json) output.note('Stopping.');
}

/** The hub of this home, for its own people. */
function openHomeHub(context: Context, log: Log, options: UpOptions, node: Node): Promise<ControlServer> {
  const { host, hubPort, hubUrl, tlsCert, tlsKey } = options;
  return openHub(context, log, options, {
    host,
    port: hubPort ?? (options.port === 0 ? 0 : node.port + 1),
    publicUrl: hubUrl,
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { tls: { certFile: tlsCert, keyFile: tlsKey } }),
    homes: [node.home],
    nodeUrl: node.url,
    allowPrivate: true,
    home: homeOperator(node),
  });
}

/** A method's own: a node that is opened anew has another operator. */
function homeOperator(node: Node): HomeOperator {
  return {
    status: () => node.operator.status(),
    accounts: () => node.operator.accounts(),
    fleetStatus: () => node.operator.fleetStatus(),
    federationStatus: (home) => node.operator.federationStatus(home),
    federationRetry: (home) => node.operator.federationRetry(home),
    invite: () => node.operator.invite(),
    setQuota: (address, bytes) => node.operator.setQuota(address, bytes),
    setBanned: (address, isBanned) => node.operator.setBanned(address, isBanned),
    health: () => node.health(),
    metrics: () => node.metrics(),
  };
}

function nodeOptions(context: Context, options: UpOptions, limits: NonNullable<NodeOptions['limits']>): NodeOptions {
  const { home, host, port, publicUrl, tlsCert, tlsKey, registration, quota } = options;
  return {
    folder: dataFolderOf(context, options),
    host,
    port,
    registration,
    ...(options.database === undefined ? {} : { database: options.database }),
    ...(home === undefined ? {} : { home }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(tlsCert === undefined || tlsKey === undefined ? {} : { tls: { certFile: tlsCert, keyFile: tlsKey } }),
    ...(options.behindProxy === undefined ? {} : { behindProxy: options.behindProxy }),
    ...(options.durability === undefined ? {} : { durability: options.durability }),
    letterBytes: letterBytesOf(options),
    limits: quota === undefined ? limits : { ...limits, quotaBytes: quota },
  };
}

/** Passwords never reach a node, but who writes to whom does: that is not for the open network. */
function refusePlain(options: UpOptions, isPublic: boolean): void {
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined))
    throw new CliError('usage', 'a certificate and its key belong together', { fix: 'Give --tls-cert and --tls-key.' });
  if (options.publicUrl !== undefined && !URL.canParse(options.publicUrl))
    throw new CliError('usage', `not a URL: ${options.publicUrl}`, { fix: 'Write it like https://mail.home.example.' });
  const { protocol, hostname } = new URL(options.publicUrl ?? 'https://none');
  if (!/^(https|wss):$/.test(protocol) && !isLoopbackHost(hostname))
    throw new CliError('plain_refused', `${options.publicUrl} is in the clear`, {
      fix: 'Let the proxy speak TLS and name it as https://….',
    });
  const isSecured = options.tlsCert !== undefined || options.publicUrl !== undefined || options.behindProxy === true;
  if (isPublic && !isSecured)
    throw new CliError('plain_refused', `on ${options.host} others would see who writes to whom`, {
      fix: 'Give --tls-cert and --tls-key, or put a proxy before it and give --public-url https://…, or --behind-proxy.',
    });
}

/** On its first start a home by invitation makes one, so that somebody can come in. */
async function firstInvite(node: Node, options: UpOptions): Promise<string | undefined> {
  if (options.registration !== 'invite') return undefined;
  // In a fleet the registrar lets people in.
  const { nodes } = await node.operator.fleetStatus();
  if (nodes.some(({ registrar, state }) => registrar && state !== 'self')) return undefined;
  return (await hasPeople(node)) ? undefined : node.operator.invite();
}

/** A door has an account too. */
async function hasPeople({ operator }: Node): Promise<boolean> {
  if ((await operator.status()).accounts > 1) return true;
  return (await operator.accounts()).some(({ address }) => !isDoorAddress(address));
}

/** Opportunistic as all of SMTP is: without a certificate mail comes in the clear, and is encrypted here. */
function smtpPlace(options: UpOptions, port: number): string {
  const { host, smtpHost = host } = options;
  return `${smtpHost}:${port}${smtpTlsOf(options) === undefined ? ' (without STARTTLS: it has no certificate)' : ''}`;
}

/** By which way, and who can read it. */
function letterWay({ smtpRelay }: UpOptions): string {
  const way = smtpRelay === undefined ? 'to the mail servers of each domain' : `through ${smtpRelay.host}`;
  return `${way}; whoever runs this home can read what is not encrypted to a key of its reader`;
}

function welcome(
  context: Context,
  node: Node,
  facts: {
    readonly folder: string;
    readonly invite: string | undefined;
    readonly isOpenToWorld: boolean;
    readonly smtp: string | undefined;
    readonly letters: string | undefined;
    readonly jmap: string | undefined;
    readonly web: string | undefined;
    readonly operatorUrl: string | undefined;
  },
): string[] {
  const { paint } = context.output;
  const row = (name: string, value: string): string => `  ${paint.dim(name.padEnd(10))}${value}`;
  const lines = [
    '',
    `  ${paint.good('●')} ${paint.bold(`The home ${node.home} is open.`)}`,
    '',
    ...(facts.web === undefined ? [] : [row('Mail', paint.bold(facts.web))]),
    row('Clients', node.url),
    ...(facts.jmap === undefined ? [] : [row('JMAP', facts.jmap)]),
    ...(facts.smtp === undefined ? [] : [row('SMTP', facts.smtp)]),
    ...(facts.letters === undefined ? [] : [row('Letters', facts.letters)]),
    ...(facts.operatorUrl === undefined ? [] : [row('Operator', facts.operatorUrl)]),
    row('Health', `${node.httpUrl}/healthz`),
    row('Data', facts.folder),
    '',
  ];
  if (facts.invite !== undefined && facts.web !== undefined)
    lines.push(
      '  Nobody lives here yet. Make the first account in a browser, with this link (it is good once):',
      '',
      `    ${paint.bold(`${facts.web}#/welcome/${facts.invite}`)}`,
      '',
      '  or from another window:',
      '',
      `    restante account new alice@${node.home}${nodeHint(node)} --invite ${facts.invite}`,
      '',
    );
  else if (facts.invite !== undefined)
    lines.push(
      '  Nobody lives here yet. Make the first account, from another window:',
      '',
      `    ${paint.bold(`restante account new alice@${node.home}${nodeHint(node)} --invite ${facts.invite}`)}`,
      '',
    );
  if (facts.isOpenToWorld)
    lines.push(
      '  Whoever runs this home sees who writes to whom, when and how much, and can withhold mail (which shows in the',
      '  reader’s report). They cannot read content or subjects, and cannot write in another’s name.',
      ...(facts.jmap === undefined
        ? []
        : ['  Of those who are logged in at its hub they can read the mail: a hub reads what the person reads.']),
      '',
    );
  lines.push(`  ${paint.dim('Ctrl-C stops it.')}`, '');
  return lines;
}

/** A loopback home is found by its name; any other may have a name that does not lead here yet. */
function nodeHint(node: Node): string {
  return node.home === `localhost:${node.port}` ? '' : ` --node ${node.url}`;
}

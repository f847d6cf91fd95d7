/** `mail account …`: a person's accounts at other mail servers, which their hub shows beside the encrypted one. */
import { type Command, Option } from 'commander';
import { type ServiceAddress, SystemServiceResolver } from '../../base/system/index.ts';
import type { Address } from '../../protocol/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { askHub, type HubLogin } from '../hub-requests.ts';
import { DEVICE, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { chooseProfile } from '../profile-choice.ts';
import { showCount, showDuration } from '../terminal/figures.ts';
import { MAIL_PASSWORD, PASSWORD } from '../terminal/questions.ts';
import type { Column } from '../terminal/table.ts';

interface AccountOptions extends PersonOptions {
  readonly hub: string;
}

type Security = 'tls' | 'starttls' | 'none';

interface AddOptions extends AccountOptions {
  readonly imap?: string;
  readonly smtp?: string | false;
  readonly login?: string;
  readonly security: Security;
  readonly oauth2?: boolean;
  readonly oauth2Refresh?: string;
  readonly oauth2Client?: string;
  readonly oauth2ClientSecret?: string;
}

/** As the hub tells it. */
interface ShownAccount {
  readonly id: string;
  readonly address: string;
  readonly emails: number;
  readonly toFetch: number;
  readonly pendingChanges: number;
  readonly lagMs?: number;
  readonly server?: { readonly connection: string; readonly problem?: string };
  readonly sendingProblem?: string;
}

const PATH = '/jmap/mail-accounts';
/** Of services that speak TLS from the first octet (RFC 8314), and of those that begin it with STARTTLS. */
const PORTS: Readonly<Record<Security, { readonly imap: number; readonly smtp: number }>> = {
  tls: { imap: 993, smtp: 465 },
  starttls: { imap: 143, smtp: 587 },
  none: { imap: 143, smtp: 587 },
};

export function addMailAccount(program: Command, act: Act): void {
  const mail = program.command('mail').helpGroup(DEVICE).description('Mail of other servers, at your hub.');
  const account = mail.command('account').description('Your accounts at other mail servers.');
  const on = (command: Command, description: string): Command =>
    forPerson(command, DEVICE)
      .description(description)
      .option('--hub <url>', 'where your hub is', 'http://127.0.0.1:7897');
  withExamples(
    on(account.command('add'), 'Show an account of another server beside your encrypted mail.')
      .argument('<kind>', 'imap', kindArgument)
      .argument('<mail-address>', 'the address there, such as alice@mail.example')
      .option('--imap <host[:port]>', 'its IMAP server (default: what the domain says in DNS)')
      .option('--smtp <host[:port]>', 'its server for sending (default: what the domain says in DNS)')
      .option('--no-smtp', 'only receive')
      .option('--login <name>', 'the name to log in with (default: the address)')
      .addOption(new Option('--security <how>', 'of both').choices(['tls', 'starttls', 'none']).default('tls'))
      .option('--oauth2', 'the secret is a token of OAuth 2')
      .option('--oauth2-refresh <url>', 'the secret is a refresh token: new tokens come from here')
      .option('--oauth2-client <id>', 'for which program it was given')
      .option('--oauth2-client-secret <text>', 'what its provider calls so; it is in every copy of that program')
      .action(act(add)),
    'restante mail account add imap alice@mail.example --hub https://hub.home.example',
    'printf \'%s\\n\' "$PASSWORD" "$APP_PASSWORD" | restante mail account add imap alice@mail.example --password-stdin',
  );
  withExamples(
    on(account.command('status', { isDefault: true }), 'Show them, how current they are, and what is wrong.').action(
      act(status),
    ),
    'restante mail account status',
  );
  withExamples(
    on(account.command('remove'), 'Forget one at the hub; nothing changes at its server.')
      .argument('<mail-address>', 'the address there')
      .action(act(remove)),
    'restante mail account remove alice@mail.example',
  );
}

async function add(context: Context, options: AddOptions, _kind: string, address: string): Promise<void> {
  const { output, questions } = context;
  const hub = await loginOf(context, options);
  const domain = address.split('@').at(-1) ?? '';
  const { login = address, oauth2, security } = options;
  const [imap, smtp] = await Promise.all([
    options.imap === undefined ? find(`_imaps._tcp.${domain}`, '--imap') : hostAndPort(options.imap),
    options.smtp === false
      ? undefined
      : options.smtp === undefined
        ? find(`_submissions._tcp.${domain}`, '--smtp')
        : hostAndPort(options.smtp),
  ]);
  const given = await questions.secret(MAIL_PASSWORD);
  const refresh = refreshOf(options, given);
  const secret = refresh === undefined ? given : '';
  const auth = oauth2 === true || refresh !== undefined ? 'oauth2' : 'password';
  const common = { security, user: login, secret, auth };
  const { id } = (await askHub(context, hub, 'POST', PATH, {
    address,
    ...(refresh === undefined ? {} : { refresh }),
    imap: { ...common, host: imap.host, port: imap.port ?? PORTS[security].imap },
    ...(smtp === undefined ? {} : { smtp: { ...common, host: smtp.host, port: smtp.port ?? PORTS[security].smtp } }),
  })) as { readonly id: string };
  output.result({ id, address }, (paint) => [
    `${paint.good('●')} ${paint.bold(address)} is shown beside your mail.`,
    '',
    '  `restante mail account status` says how far it is.',
  ]);
}

/** How new tokens are made, if that was said. */
function refreshOf({ oauth2Client, oauth2ClientSecret, oauth2Refresh }: AddOptions, token: string): object | undefined {
  if (oauth2Refresh === undefined) return undefined;
  if (oauth2Client === undefined)
    throw new CliError('usage', 'a refresh token is good for one program', { fix: 'Say which with --oauth2-client.' });
  const clientSecret = oauth2ClientSecret === undefined ? {} : { clientSecret: oauth2ClientSecret };
  return { url: oauth2Refresh, clientId: oauth2Client, token, ...clientSecret };
}

async function status(context: Context, options: AccountOptions): Promise<void> {
  const accounts = await listAccounts(context, await loginOf(context, options));
  context.output.table(accounts, (account) => account, COLUMNS, 'There is no account of another server.');
}

async function remove(context: Context, options: AccountOptions, address: string): Promise<void> {
  const { output } = context;
  const hub = await loginOf(context, options);
  const found = (await listAccounts(context, hub)).find((account) => account.address === address);
  if (found === undefined)
    throw new CliError('not_found', `the hub has no account ${address}`, {
      fix: '`restante mail account status` shows those it has.',
    });
  await askHub(context, hub, 'POST', `${PATH}/${encodeURIComponent(found.id)}/remove`, {});
  output.result({ removed: address }, () => `${address} is forgotten here; its server has it all.`);
}

async function listAccounts(context: Context, hub: HubLogin): Promise<readonly ShownAccount[]> {
  const { accounts } = (await askHub(context, hub, 'GET', PATH)) as { readonly accounts: readonly ShownAccount[] };
  return accounts;
}

/** The password of the encrypted account comes first, then that of the mail server. */
async function loginOf(context: Context, options: AccountOptions): Promise<HubLogin> {
  const { platform, questions } = context;
  const user: string = await addressOf(platform, options);
  const password = await questions.secret(PASSWORD);
  return { url: options.hub.replace(/\/+$/, ''), user, password };
}

/** A whole address needs no profile on this device. */
async function addressOf(platform: Context['platform'], options: AccountOptions): Promise<Address | string> {
  if (options.address?.includes('@') === true) return options.address;
  return (await chooseProfile(platform, options)).address;
}

/** RFC 6186 and RFC 8314: what a domain says of its servers. */
async function find(service: string, option: string): Promise<ServiceAddress> {
  const fix = `Name the server with ${option}; the provider's page of help says which.`;
  let found: readonly ServiceAddress[];
  try {
    found = await new SystemServiceResolver().services(service);
  } catch (cause) {
    throw new CliError('unreachable', `DNS cannot be asked where ${service} is`, { fix, cause });
  }
  const [first] = found;
  if (first === undefined) throw new CliError('usage', `nothing in DNS says where ${service} is`, { fix });
  return first;
}

function hostAndPort(text: string): { readonly host: string; readonly port: number | undefined } {
  const [, host = '', port] = /^(\[[0-9a-f:]+\]|[^:\s]+)(?::(\d{1,5}))?$/i.exec(text) ?? [];
  if (host === '')
    throw new CliError('usage', `${text} is no server`, { fix: 'Write it like imap.mail.example or host:993.' });
  return { host: host.replace(/^\[|\]$/g, ''), port: port === undefined ? undefined : Number(port) };
}

function kindArgument(text: string): string {
  if (text !== 'imap') throw new CliError('usage', `there are no accounts of the kind ${text}`, { fix: 'Say imap.' });
  return text;
}

const COLUMNS: readonly Column<ShownAccount>[] = [
  { title: 'ADDRESS', cell: ({ address }) => address, flexible: 1 },
  { title: 'IS', cell: ({ server }) => server?.connection ?? 'starting' },
  { title: 'MESSAGES', cell: ({ emails }) => showCount(emails), align: 'right' },
  { title: 'TO FETCH', cell: ({ toFetch }) => (toFetch === 0 ? '' : showCount(toFetch)), align: 'right' },
  { title: 'TO SEND', cell: ({ pendingChanges }) => showCount(pendingChanges), align: 'right' },
  { title: 'BEHIND', cell: ({ lagMs }) => (lagMs === undefined ? '' : showDuration(lagMs)), align: 'right' },
  { title: 'PROBLEM', cell: ({ sendingProblem, server }) => server?.problem ?? sendingProblem ?? '', flexible: 2 },
];

/**
 * Two private Postfix instances on free loopback ports in a temporary folder: mail that the first takes it relays to the
 * second, which keeps it. Both queues are on disk as Postfix writes them for anybody. Debian: postfix. Needs root.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { answers, isAlive } from './daemon.ts';
import { freePort } from './home-process.ts';

export const POSTFIX = '/usr/sbin/postfix';

export function hasPostfix(): boolean {
  return existsSync(POSTFIX) && process.getuid?.() === 0;
}

export interface PostfixOptions {
  /** Connections from the first to the second. */
  readonly relays: number;
}

export class PostfixPair implements AsyncDisposable {
  readonly #folder: string;
  readonly #first: Instance;
  readonly #second: Instance;

  private constructor(folder: string, first: Instance, second: Instance) {
    this.#folder = folder;
    this.#first = first;
    this.#second = second;
  }

  static async open(options: PostfixOptions): Promise<PostfixPair> {
    const folder = await mkdtemp(join(tmpdir(), 'postfix-'));
    await chmod(folder, 0o755);
    const second = await Instance.open(join(folder, 'second'), {
      ...LIMITS,
      // Kept in the queue: it is as durable as the queue is, and nothing is delivered, which would only cost time.
      smtpd_recipient_restrictions: 'check_client_access static:HOLD, permit',
    });
    const first = await Instance.open(join(folder, 'first'), {
      ...LIMITS,
      smtpd_recipient_restrictions: 'permit',
      relayhost: `[127.0.0.1]:${second.port}`,
      smtp_destination_concurrency_limit: String(options.relays),
      initial_destination_concurrency: String(options.relays),
    });
    return new PostfixPair(folder, first, second);
  }

  /** Where the first takes mail. */
  get port(): number {
    return this.#first.port;
  }

  /** Mails in the queue of the second. */
  async arrived(): Promise<number> {
    return (await readdir(join(this.#second.folder, 'spool', 'hold'))).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#first.stop();
    await this.#second.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One instance that hands on whatever it takes to a server on this machine, by STARTTLS and no other way. */
export class PostfixRelay implements AsyncDisposable {
  readonly #folder: string;
  readonly #instance: Instance;

  private constructor(folder: string, instance: Instance) {
    this.#folder = folder;
    this.#instance = instance;
  }

  static async open(to: { readonly port: number }): Promise<PostfixRelay> {
    const folder = await mkdtemp(join(tmpdir(), 'postfix-'));
    await chmod(folder, 0o755);
    const instance = await Instance.open(join(folder, 'relay'), {
      ...LIMITS,
      smtpd_recipient_restrictions: 'permit',
      relayhost: `[127.0.0.1]:${to.port}`,
      smtp_tls_security_level: 'encrypt',
      smtp_tls_loglevel: '1',
    });
    return new PostfixRelay(folder, instance);
  }

  /** Where it takes mail. */
  get port(): number {
    return this.#instance.port;
  }

  /** What it wrote of a delivery to this address, once it has: Postfix tells of its deliveries nowhere else. */
  async deliveryTo(address: string): Promise<string> {
    for (let attempt = 0; attempt < LOG_LOOKS; attempt++) {
      const log = await readFile(join(this.#instance.folder, 'data', 'mail.log'), 'utf8');
      const line = log.split('\n').find((entry) => entry.includes(`to=<${address}>`) && entry.includes('status='));
      if (line !== undefined) return line;
      await pause(LOG_PAUSE_MS);
    }
    throw new Error(`Postfix tells nothing of ${address}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#instance.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** One instance that takes mail for any domain, by STARTTLS, and keeps it as it came. */
export class PostfixInbox implements AsyncDisposable {
  readonly #folder: string;
  readonly #instance: Instance;

  private constructor(folder: string, instance: Instance) {
    this.#folder = folder;
    this.#instance = instance;
  }

  static async open(certificate: { readonly path: string; readonly keyPath: string }): Promise<PostfixInbox> {
    const folder = await mkdtemp(join(tmpdir(), 'postfix-'));
    await chmod(folder, 0o755);
    const instance = await Instance.open(join(folder, 'inbox'), {
      ...LIMITS,
      smtpd_tls_security_level: 'encrypt',
      smtpd_tls_cert_file: certificate.path,
      smtpd_tls_key_file: certificate.keyPath,
      smtpd_tls_received_header: 'yes',
      smtpd_recipient_restrictions:
        'check_recipient_access inline:{nobody@elsewhere.invalid=REJECT}, check_client_access static:HOLD, permit',
    });
    return new PostfixInbox(folder, instance);
  }

  get port(): number {
    return this.#instance.port;
  }

  /** The messages as it has them, below the trace of its own. Waits for the first: Postfix tells of it nowhere else. */
  async messages(): Promise<readonly Buffer[]> {
    const hold = join(this.#instance.folder, 'spool', 'hold');
    for (let attempt = 0; attempt < LOG_LOOKS; attempt++) {
      const files = await readdir(hold);
      if (files.length > 0) return Promise.all(files.map((file) => this.#read(join(hold, file))));
      await pause(LOG_PAUSE_MS);
    }
    throw new Error('nothing came to Postfix');
  }

  async #read(file: string): Promise<Buffer> {
    const args = ['-c', join(this.#instance.folder, 'etc'), '-bh', file];
    const options = { encoding: 'buffer', maxBuffer: MESSAGE_BYTES_MAX } as const;
    const { stdout } = await promisify(execFile)('/usr/sbin/postcat', args, options);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#instance.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const LOG_LOOKS = 400;
const LOG_PAUSE_MS = 50;

/** What would make it wait for nobody's good, on one machine. */
/** Its own is 10 MB. */
const MESSAGE_BYTES_MAX = 50 * 1024 * 1024;
const LIMITS = {
  message_size_limit: String(MESSAGE_BYTES_MAX),
  mailbox_size_limit: '0',
  default_process_limit: '200',
  in_flow_delay: '0',
  smtpd_client_connection_count_limit: '0',
  smtpd_client_connection_rate_limit: '0',
  smtpd_error_sleep_time: '0',
  smtp_tls_security_level: 'none',
  smtpd_tls_security_level: 'none',
};

class Instance {
  readonly folder: string;
  readonly port: number;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  static async open(folder: string, settings: Readonly<Record<string, string>>): Promise<Instance> {
    const port = await freePort();
    const configuration = join(folder, 'etc');
    for (const name of ['etc', 'spool', 'data']) await mkdir(join(folder, name), { recursive: true });
    const owner = await userId('postfix');
    await chown(join(folder, 'data'), owner, owner);
    await chmod(folder, 0o755);
    const all = { ...common(folder), ...settings };
    await writeFile(
      join(configuration, 'main.cf'),
      Object.entries(all)
        .map(([name, value]) => `${name} = ${value}\n`)
        .join(''),
    );
    await writeFile(join(configuration, 'master.cf'), services(port));
    spawn(POSTFIX, ['-c', configuration, 'start'], { stdio: 'ignore' });
    await answers(port, 'Postfix');
    return new Instance(folder, port);
  }

  /** The master takes its children with it. */
  async stop(): Promise<void> {
    const pid = Number(await readFile(join(this.folder, 'spool', 'pid', 'master.pid'), 'utf8'));
    process.kill(pid, 'SIGTERM');
    while (isAlive(pid)) await pause(50);
  }
}

/** Of a user of this machine: its own group has the same number in Debian, or is not needed. */
async function userId(name: string): Promise<number> {
  const lines = (await readFile('/etc/passwd', 'utf8')).split('\n');
  const line = lines.find((entry) => entry.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`this machine has no user ${name}`);
  return Number(line.split(':')[2]);
}

function common(folder: string): Readonly<Record<string, string>> {
  return {
    compatibility_level: '3.6',
    queue_directory: join(folder, 'spool'),
    data_directory: join(folder, 'data'),
    maillog_file: join(folder, 'data', 'mail.log'),
    maillog_file_prefixes: folder,
    inet_interfaces: '127.0.0.1',
    inet_protocols: 'ipv4',
    myhostname: 'mail.example.net',
    mydestination: '',
    local_recipient_maps: '',
    mynetworks: '127.0.0.0/8',
    alias_maps: '',
    alias_database: '',
  };
}

function services(port: number): string {
  const rows = [
    `127.0.0.1:${port} inet n - n - - smtpd`,
    'cleanup unix n - n - 0 cleanup',
    'qmgr unix n - n 300 1 qmgr',
    'tlsmgr unix - - n 1000? 1 tlsmgr',
    'rewrite unix - - n - - trivial-rewrite',
    'bounce unix - - n - 0 bounce',
    'defer unix - - n - 0 bounce',
    'trace unix - - n - 0 bounce',
    'verify unix - - n - 1 verify',
    'proxymap unix - - n - - proxymap',
    'smtp unix - - n - - smtp',
    'relay unix - - n - - smtp',
    'error unix - - n - - error',
    'retry unix - - n - - error',
    'discard unix - - n - - discard',
    'anvil unix - - n - 1 anvil',
    'scache unix - - n - 1 scache',
    'postlog unix-dgram n - n - 1 postlogd',
  ];
  return `${rows.join('\n')}\n`;
}

/** A private Dovecot on free loopback ports in a temporary folder, ended by process id. Debian: dovecot-imapd dovecot-lmtpd. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Certificate } from './certificate.ts';
import { answers, isFree } from './daemon.ts';
import { freePort } from './home-process.ts';
import { skipWithout } from './requirement.ts';

export const PASSWORD = 'secret';
export const DOVECOT = '/usr/sbin/dovecot';

export function hasDovecot(): boolean {
  return existsSync(DOVECOT);
}

/** Whether a test of Dovecot is skipped here, with a line that says so. */
export function skipsWithoutDovecot(test: string): boolean {
  return skipWithout(hasDovecot(), {
    test,
    lack: `there is no ${DOVECOT} (Debian: dovecot-imapd dovecot-lmtpd)`,
  });
}

export class Dovecot implements AsyncDisposable {
  readonly folder: string;
  readonly lmtpPort: number;
  readonly imapPort: number;
  #master: ChildProcess;

  private constructor(master: ChildProcess, folder: string, lmtpPort: number, imapPort: number) {
    this.#master = master;
    this.folder = folder;
    this.lmtpPort = lmtpPort;
    this.imapPort = imapPort;
  }

  /**
   * With a certificate it does what is said only after STARTTLS. Everybody's password is the same. With a prefix all folders
   * are below the inbox, as at many a hoster.
   */
  static async open({
    certificate,
    password = PASSWORD,
    prefix = '',
  }: {
    readonly certificate?: Certificate;
    readonly password?: string;
    readonly prefix?: '' | 'INBOX.';
  } = {}): Promise<Dovecot> {
    const folder = await mkdtemp(join(tmpdir(), 'dovecot-'));
    const [lmtpPort, imapPort] = [await freePort(), await freePort()];
    // Mail belongs to `mail`, a user of every Debian; Dovecot refuses to deliver as root.
    await mkdir(join(folder, 'mail'));
    await chmod(folder, 0o755);
    await chown(join(folder, 'mail'), 8, 8);
    const config = join(folder, 'dovecot.conf');
    await writeFile(config, configuration({ folder, lmtpPort, imapPort, certificate, password, prefix }));
    const master = launch(folder);
    const server = new Dovecot(master, folder, lmtpPort, imapPort);
    for (const port of [lmtpPort, imapPort]) await answers(port, 'Dovecot');
    return server;
  }

  get pid(): number {
    return this.#master.pid as number;
  }

  /** All of its processes are gone from one moment to the next; then it runs again. */
  async killAndStart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async kill(): Promise<void> {
    const exited = once(this.#master, 'exit');
    process.kill(-(this.#master.pid as number), 'SIGKILL');
    await exited;
    for (const port of [this.lmtpPort, this.imapPort]) await isFree(port);
  }

  async start(): Promise<void> {
    this.#master = launch(this.folder);
    for (const port of [this.lmtpPort, this.imapPort]) await answers(port, 'Dovecot');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#master.exitCode === null && this.#master.signalCode === null && this.#master.kill('SIGTERM'))
      await once(this.#master, 'exit');
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** In a process group of its own, so that its children can be killed with it. */
function launch(folder: string): ChildProcess {
  return spawn(DOVECOT, ['-F', '-c', join(folder, 'dovecot.conf')], { stdio: 'ignore', detached: true });
}

function configuration({
  certificate,
  folder,
  imapPort,
  lmtpPort,
  password,
  prefix,
}: {
  readonly folder: string;
  readonly lmtpPort: number;
  readonly imapPort: number;
  readonly certificate: Certificate | undefined;
  readonly password: string;
  readonly prefix: string;
}): string {
  const tls =
    certificate === undefined
      ? 'ssl = no'
      : `ssl = required\nssl_cert = <${certificate.path}\nssl_key = <${certificate.keyPath}`;
  return `base_dir = ${folder}/run
state_dir = ${folder}/state
log_path = ${folder}/dovecot.log
protocols = imap lmtp
listen = 127.0.0.1
${tls}
disable_plaintext_auth = no
auth_mechanisms = plain login
mail_location = maildir:${folder}/mail/%n/Maildir
first_valid_uid = 8
default_internal_user = dovecot
default_login_user = dovenull
mail_fsync = optimized
mailbox_list_index = yes
lda_mailbox_autocreate = yes
default_client_limit = 2000
default_process_limit = 200
passdb {
  driver = static
  args = password=${password}
}
userdb {
  driver = static
  args = uid=8 gid=8 home=${folder}/mail/%n
}
service imap-login {
  inet_listener imap {
    port = ${imapPort}
  }
  inet_listener imaps {
    port = 0
  }
}
service lmtp {
  inet_listener lmtp {
    address = 127.0.0.1
    port = ${lmtpPort}
  }
}
namespace inbox {
  inbox = yes
  separator = ${prefix === '' ? '/' : '.'}
  prefix = ${prefix}
  mailbox Drafts {
    special_use = \\Drafts
    auto = subscribe
  }
  mailbox Sent {
    special_use = \\Sent
    auto = subscribe
  }
  mailbox Trash {
    special_use = \\Trash
    auto = subscribe
  }
}
`;
}

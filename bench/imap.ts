/**
 * An IMAP account of 20 000 real and difficult messages (5 000 without --full) at a hub as people run it, beside mbsync with
 * fsync in the same run: how long until its 50 newest can be read, until every header and every text is in the store and its
 * index, what the user server's memory was at its most, and whether each message's octets are the server's. Both find the
 * server's own caches warm.
 */
import { createHash } from 'node:crypto';
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ImapFlow } from 'imapflow';
import { connectOperator, OPERATOR_SOCKET } from '../src/hub/index.ts';
import { Dovecot, hasDovecot, PASSWORD as MAIL_PASSWORD } from '../test/harness/dovecot.ts';
import { asPerson, jsonOf, PASSWORD } from '../test/harness/home-process.ts';
import { hasMbsync, mbsync } from '../test/harness/mbsync.ts';
import { Program } from '../test/harness/program.ts';
import { realMails } from '../test/harness/real-mails.ts';
import type { Bench } from './bench-options.ts';

const USER = 'alice';
/** Of Debian's `mail`, whose the harness's Dovecot lets mail be. */
const MAIL_ID = 8;
const FIRST_SCREEN = 50;
const LOOK_MS = 20;
const GET_AT_ONCE = 500;
const DOWNLOADS_AT_ONCE = 4;
const DAY_MS = 86_400_000;

export const benchImap: Bench = async ({ full }) => {
  if (!hasDovecot() || !hasMbsync()) throw new Error('install Dovecot and mbsync first: dovecot-imapd, isync');
  const count = full ? 20_000 : 5_000;
  await using dovecot = await Dovecot.open();
  const hashes = await fill(dovecot, count);
  await warm(dovecot);
  const folder = await mkdtemp(join(tmpdir(), 'restante-bench-imap-'));
  try {
    const startedAt = performance.now();
    await mbsync(join(folder, 'mbsync'), { imapPort: dovecot.imapPort, user: USER, password: MAIL_PASSWORD });
    const mbsyncMs = performance.now() - startedAt;
    const ours = await measure(folder, dovecot.imapPort, hashes);
    return { messages: count, ...ours, mbsyncMs, ratio: ours.syncMs / mbsyncMs };
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Into the inbox, each under a Message-ID of its own. Answers the hash of each. */
async function fill(dovecot: Dovecot, count: number): Promise<ReadonlySet<string>> {
  const mails = await realMails(count);
  const inbox = join(dovecot.folder, 'mail', USER, 'Maildir');
  const folders = [
    join(dovecot.folder, 'mail', USER),
    inbox,
    ...['cur', 'new', 'tmp'].map((name) => join(inbox, name)),
  ];
  for (const path of folders) {
    await mkdir(path);
    await chown(path, MAIL_ID, MAIL_ID);
  }
  const hashes = new Set<string>();
  const first = Math.floor((Date.now() - count * DAY_MS) / 1000);
  for (let at = 0; at < count; at++) {
    const mail = withOwnId(mails[at % mails.length] as Buffer, at);
    hashes.add(hashOf(mail));
    const path = join(inbox, 'cur', `${first + at}.M${at}.bench,S=${mail.length},W=${mail.length}:2,S`);
    await writeFile(path, mail);
    await chown(path, MAIL_ID, MAIL_ID);
  }
  return hashes;
}

function withOwnId(mail: Buffer, number: number): Buffer {
  return Buffer.from(mail.toString('latin1').replace(/^(message-id:.*?)(@|>)/im, `$1.${number}$2`), 'latin1');
}

/** As another program of the person has looked at everything before. */
async function warm(dovecot: Dovecot): Promise<void> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: dovecot.imapPort,
    secure: false,
    auth: { user: USER, pass: MAIL_PASSWORD },
    logger: false,
    disableAutoIdle: true,
  });
  await client.connect();
  const lock = await client.getMailboxLock('INBOX');
  for await (const _ of client.fetch('1:*', { uid: true, flags: true, internalDate: true, size: true, headers: true }));
  lock.release();
  await client.logout();
}

interface ShownAccount {
  readonly id: string;
  readonly emails: number;
  readonly toFetch: number;
  readonly server?: { readonly problem?: string; readonly currentAt?: number };
}

async function measure(folder: string, imapPort: number, hashes: ReadonlySet<string>) {
  const data = join(folder, 'home');
  const where = ['--data', data, '--port', '0', '--hub-port', '0', '--registration', 'open', '--log-level', 'error'];
  const home = await Program.open(['up', '--json', ...where]);
  try {
    const { home: domain, node, web } = jsonOf<Record<'home' | 'node' | 'web', string>>(home.ready);
    const address = `${USER}@${domain}`;
    await asPerson(join(folder, 'profile'), 'account', 'new', address, '--node', node);
    const hub = new Hub(web, address);
    await hub.accounts();
    const pid = await pidOf(data, address);
    const cpuBefore = await cpuMs(pid);
    const startedAt = performance.now();
    const { id } = await hub.add(imapPort);
    // The hub has logged in by now, to see that it can; its agent connects for good next.
    const triedMs = performance.now() - startedAt;
    while ((await hub.subjects(id)).length < FIRST_SCREEN) await pause(LOOK_MS);
    const firstScreenMs = performance.now() - startedAt;
    let headersMs = 0;
    for (;;) {
      const [account] = await hub.accounts();
      if (account?.server?.problem !== undefined) throw new Error(account.server.problem);
      if (headersMs === 0 && (account?.emails ?? 0) >= hashes.size) headersMs = performance.now() - startedAt;
      if (account?.server?.currentAt !== undefined && account.toFetch === 0) break;
      await pause(LOOK_MS);
    }
    const syncMs = performance.now() - startedAt;
    const syncCpuMs = (await cpuMs(pid)) - cpuBefore;
    const { rss, rssMost } = await memoryOf(pid);
    const equal = await hub.countEqual(id, hashes);
    if (equal !== hashes.size) throw new Error(`of ${hashes.size} messages ${equal} have the server's octets`);
    const times = { triedMs, firstScreenAfterTryMs: firstScreenMs - triedMs, firstScreenMs, headersMs, syncMs };
    return { ...times, syncCpuMs, rssMib: rss, rssMostMib: rssMost, equal };
  } finally {
    await home.stop();
  }
}

class Hub {
  readonly #url: string;
  readonly #headers: Record<string, string>;

  constructor(url: string, address: string) {
    const authorization = `Basic ${Buffer.from(`${address}:${PASSWORD.RESTANTE_PASSWORD}`).toString('base64')}`;
    this.#url = url;
    this.#headers = { authorization, 'content-type': 'application/json' };
  }

  async accounts(): Promise<readonly ShownAccount[]> {
    return (await this.#ask<{ accounts: readonly ShownAccount[] }>('/jmap/mail-accounts')).accounts;
  }

  add(port: number): Promise<{ readonly id: string }> {
    const imap = { host: '127.0.0.1', port, security: 'none', user: USER, secret: MAIL_PASSWORD, auth: 'password' };
    return this.#ask('/jmap/mail-accounts', { address: `${USER}@mail.example`, imap });
  }

  async subjects(accountId: string): Promise<readonly unknown[]> {
    const [, emails] = await this.#call(
      ['Email/query', { accountId, sort: [{ property: 'receivedAt', isAscending: false }], limit: FIRST_SCREEN }],
      [
        'Email/get',
        { accountId, '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: ['subject'] },
      ],
    );
    return emails?.list ?? [];
  }

  /** How many different messages have the octets of one of them. */
  async countEqual(accountId: string, hashes: ReadonlySet<string>): Promise<number> {
    const found = new Set<string>();
    const [query] = await this.#call(['Email/query', { accountId }]);
    const ids = query?.ids ?? [];
    for (let at = 0; at < ids.length; at += GET_AT_ONCE) {
      const [emails] = await this.#call([
        'Email/get',
        { accountId, ids: ids.slice(at, at + GET_AT_ONCE), properties: ['blobId'] },
      ]);
      const blobs = (emails?.list ?? []).map(({ blobId }) => blobId);
      const work = async (): Promise<void> => {
        for (let blob = blobs.pop(); blob !== undefined; blob = blobs.pop()) {
          const hash = hashOf(await this.#download(accountId, blob));
          if (hashes.has(hash)) found.add(hash);
        }
      };
      await Promise.all(Array.from({ length: DOWNLOADS_AT_ONCE }, work));
    }
    return found.size;
  }

  async #download(accountId: string, blobId: string): Promise<Buffer> {
    const path = `/jmap/download/${accountId}/${blobId}/message.eml?type=message/rfc822`;
    const response = await fetch(new URL(path, this.#url), { headers: this.#headers });
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  }

  async #call(...calls: readonly (readonly [name: string, args: object])[]): Promise<readonly Answer[]> {
    const using = ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'];
    const methodCalls = calls.map(([name, args], at) => [name, args, `${at}`]);
    const { methodResponses } = await this.#ask<{ methodResponses: [string, Answer][] }>('/jmap/api', {
      using,
      methodCalls,
    });
    return methodResponses.map(([, answer]) => answer);
  }

  async #ask<Result>(path: string, body?: object): Promise<Result> {
    const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(new URL(path, this.#url), { headers: this.#headers, ...post });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Result;
  }
}

interface Answer {
  readonly ids?: string[];
  readonly list?: { readonly blobId: string }[];
}

async function pidOf(data: string, address: string): Promise<number> {
  const operator = await connectOperator(join(data, 'hub', OPERATOR_SOCKET));
  const pid = (await operator?.status())?.users.find(({ user }) => user === address)?.pid;
  if (pid === undefined) throw new Error(`${address} has no user server`);
  return pid;
}

/** In MiB: now, and at its most. */
async function memoryOf(pid: number): Promise<{ readonly rss: number; readonly rssMost: number }> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const read = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  return { rss: read('VmRSS'), rssMost: read('VmHWM') };
}

/** Of a process with all of its threads, by ticks of a hundredth of a second. */
async function cpuMs(pid: number): Promise<number> {
  const [, rest = ''] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ');
  const fields = rest.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function hashOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

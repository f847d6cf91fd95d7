/** An account of another server beside the encrypted one: mail arrives there, and is marked and moved on both sides. */
import { ImapFlow } from 'imapflow';
import { CodedError, type Prng } from '../../src/base/index.ts';
import type { Dovecot } from '../../test/harness/dovecot.ts';
import { jsonOf, restante } from '../../test/harness/home-process.ts';
import { contentsOf } from '../../test/harness/imap-mail.ts';
import type { Canary } from './canary.ts';
import { PROBE_TRY_MS } from './limits.ts';
import { within } from './prober.ts';
import type { Email, Session } from './session.ts';
import { pick } from './traffic.ts';

const LOGIN = 'ada';
const FLAGS: Readonly<Record<string, string>> = { $flagged: '\\Flagged', $seen: '\\Seen' };
/** What happens to the server's own flags beside ours. */
const FOLDERS = ['INBOX', 'Trash'];

/** By folder, each message as its subject and its flags. */
export type Contents = Readonly<Record<string, readonly string[]>>;

export interface ImapSideDeps {
  readonly dovecot: Dovecot;
  readonly canary: Canary;
  /** Of the person whose account it is. */
  readonly session: Session;
}

export class ImapSide {
  readonly #deps: ImapSideDeps;
  readonly #account: string;
  readonly counts = { arrived: 0, marked: 0, failed: 0 };

  private constructor(deps: ImapSideDeps, account: string) {
    this.#deps = deps;
    this.#account = account;
  }

  static async open(deps: ImapSideDeps, hubUrl: string): Promise<ImapSide> {
    const { canary, dovecot, session } = deps;
    const secrets = { RESTANTE_PASSWORD: canary.password, RESTANTE_MAIL_PASSWORD: canary.imapPassword };
    const server = ['--imap', `127.0.0.1:${dovecot.imapPort}`, '--no-smtp', '--login', LOGIN, '--security', 'none'];
    const where = ['--address', session.address, '--hub', hubUrl];
    const args = ['--json', 'mail', 'account', 'add', 'imap', `${LOGIN}@mail.example`, ...server, ...where];
    const { code, stderr, stdout } = await restante(args, secrets);
    if (code !== 0) throw new Error(`the IMAP account was not added: ${stdout}${stderr}`);
    return new ImapSide(deps, jsonOf<{ id: string }>(stdout).id);
  }

  /** One thing that somebody does, at the server or at the hub. */
  async act(prng: Prng): Promise<void> {
    try {
      const what = prng.below(4);
      if (what < 2) await this.arrive();
      else if (what === 2) await this.#markAtServer(prng);
      else await this.#markAtHub(prng);
    } catch (error) {
      if (!isOutage(error)) throw error;
      this.counts.failed += 1;
    }
  }

  /** A mail comes to the server; its subject. */
  async arrive(): Promise<string> {
    const { canary } = this.#deps;
    const subject = canary.subject(++this.counts.arrived);
    const lines = [
      'From: bob@example.org',
      'To: ada@mail.example',
      `Subject: ${subject}`,
      'Date: Thu, 01 Jan 2026 12:00:00 +0000',
    ];
    await this.#atServer((client) => client.append('INBOX', [...lines, '', canary.word, ''].join('\r\n')));
    return subject;
  }

  /** Whether the hub shows it. */
  async shows(subject: string): Promise<boolean> {
    return (await this.#emails()).some((email) => email.subject === subject);
  }

  /** By folder, each message with its flags, at the server and at the hub. */
  async bothSides(): Promise<{ readonly server: Contents; readonly hub: Contents }> {
    const server = await this.#atServer(contentsOf);
    const { list } = await this.#deps.session.ask('Mailbox/get', { ids: null }, this.#account);
    const names = new Map(
      (list as { id: string; name: string; role: string | null }[]).map(({ id, name, role }) => [
        id,
        role === 'inbox' ? 'INBOX' : name,
      ]),
    );
    const hub: Record<string, string[]> = {};
    for (const { keywords, mailboxIds, subject } of await this.#emails()) {
      const flags = Object.keys(keywords).map((keyword) => FLAGS[keyword] ?? keyword);
      for (const id of Object.keys(mailboxIds)) {
        const name = names.get(id) ?? id;
        hub[name] = [...(hub[name] ?? []), [subject, ...flags.sort()].join(' ')].sort();
      }
    }
    return { server: pickKeys(server), hub: pickKeys(hub) };
  }

  #emails(): Promise<readonly Email[]> {
    return this.#deps.session.emails(this.#account);
  }

  async #markAtServer(prng: Prng): Promise<void> {
    await this.#atServer(async (client) => {
      const lock = await client.getMailboxLock('INBOX');
      try {
        const count = client.mailbox === false ? 0 : client.mailbox.exists;
        if (count === 0) return;
        const at = `${1 + prng.below(count)}`;
        const act = prng.below(4);
        if (act === 0) await client.messageMove(at, 'Trash');
        else if (act === 1) await client.messageFlagsRemove(at, ['\\Seen']);
        else await client.messageFlagsAdd(at, [act === 2 ? '\\Seen' : '\\Flagged']);
      } finally {
        lock.release();
      }
    });
    this.counts.marked += 1;
  }

  async #markAtHub(prng: Prng): Promise<void> {
    const { session } = this.#deps;
    const email = pick(prng, await session.emails(this.#account));
    if (email === undefined) return;
    const keyword = prng.below(2) === 0 ? '$seen' : '$flagged';
    const update = { [email.id]: { [`keywords/${keyword}`]: email.keywords[keyword] === true ? null : true } };
    await session.call('Email/set', { update }, this.#account);
    this.counts.marked += 1;
  }

  async #atServer<Result>(work: (client: ImapFlow) => Promise<Result>): Promise<Result> {
    const { canary, dovecot } = this.#deps;
    const auth = { user: LOGIN, pass: canary.imapPassword };
    const place = { host: '127.0.0.1', port: dovecot.imapPort, secure: false, doSTARTTLS: false };
    const client = new ImapFlow({ ...place, auth, logger: false, disableAutoIdle: true });
    client.on('error', () => undefined); // what was asked fails, and tells it
    try {
      return await within(PROBE_TRY_MS, async () => {
        await client.connect();
        return await work(client);
      });
    } finally {
      client.close();
    }
  }
}

function pickKeys(contents: Contents): Contents {
  return Object.fromEntries(FOLDERS.map((folder) => [folder, contents[folder] ?? []]));
}

/** The server, the hub or the way there is away: a network error, or one that says so. */
function isOutage(error: unknown): boolean {
  const { code, message } = error as { readonly code?: string; readonly message?: string };
  return (
    error instanceof CodedError ||
    code !== undefined ||
    /no answer within|Connection|not available/i.test(message ?? '')
  );
}

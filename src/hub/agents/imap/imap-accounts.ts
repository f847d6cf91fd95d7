/**
 * The IMAP accounts of one person: for each the agent in its thread, the account in the store, and the way to its messages and
 * its submission server. Accounts come and go while the user server runs.
 */
import { createHash } from 'node:crypto';
import { type Clock, type HttpDialer, type Log, Scope, type SecureRandom } from '../../../base/index.ts';
import type { BlobStore, MailAccount, MailSource, MailStore } from '../../../jmap/index.ts';
import { HubError } from '../../hub-error.ts';
import type { Handlers } from '../line.ts';
import { SEND_TIMEOUT_MS } from '../smtp/limits.ts';
import { SmtpSubmitter } from '../smtp/smtp-submitter.ts';
import { type StartedAgent, Supervisor, type SupervisorStatus } from '../supervisor.ts';
import { parseImapSettings, readImapSettings, writeImapSettings } from './account-settings.ts';
import { ImapAccount } from './imap-account.ts';
import type { ImapAgentCalls, ImapSettings, ImapStatus, ImapToldCalls, SendProblemCode } from './imap-protocol.ts';
import { ACCOUNTS_MAX, RAW_PIECE_BYTES } from './limits.ts';
import { OAuthTokens } from './oauth-tokens.ts';

export interface ImapAccountsDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly store: MailStore;
  readonly blobs: BlobStore;
  readonly startImapAgent: () => StartedAgent;
  /** To where tokens of OAuth 2 come from. */
  readonly dialer: HttpDialer;
}

export interface ImapAccountsOptions {
  /** An agent that does not answer for so long is started again. */
  readonly agentTimeoutMs: number;
}

export interface ImapAccountStatus {
  readonly id: string;
  readonly address: string;
  readonly agent: SupervisorStatus;
  readonly server: ImapStatus | undefined;
  /** Why what is to be sent waits, in words for a person; undefined when nothing does. */
  readonly sendingProblem: string | undefined;
  /** For programs that say it in another language; undefined too when it is what the server said. */
  readonly sendingProblemCode: SendProblemCode | undefined;
  readonly pendingChanges: number;
  readonly emails: number;
  /** Messages of the folders looked at so far whose header or whose text, for the search index, is still to be fetched. */
  readonly toFetch: number;
  /** Since the last look at all folders; undefined before the first. */
  readonly lagMs: number | undefined;
}

interface Running {
  readonly imap: ImapAccount;
  readonly supervisor: Supervisor<ImapAgentCalls, ImapToldCalls>;
  server: ImapStatus | undefined;
  isNudging: boolean;
  readonly startedAt: number;
}

export class ImapAccounts implements AsyncDisposable {
  readonly submitter: SmtpSubmitter;
  readonly #deps: ImapAccountsDeps;
  readonly #options: ImapAccountsOptions;
  readonly #running = new Map<string, Running>();
  readonly #scope: Scope;
  readonly #tokens: OAuthTokens;
  readonly #listening: Disposable;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(deps: ImapAccountsDeps, options: ImapAccountsOptions) {
    this.#deps = deps;
    this.#tokens = new OAuthTokens(deps);
    this.#options = options;
    this.#scope = new Scope((task, error) => deps.log.debug({ err: error, task }, 'an IMAP agent was not reached'));
    this.submitter = new SmtpSubmitter({
      ...deps,
      settingsOf: (account) => (this.#running.has(account.id) ? readImapSettings(account) : undefined),
      send: (accountId, message, signal) =>
        this.#get(accountId).supervisor.ask('send', message, signal, SEND_TIMEOUT_MS),
    });
    for (const account of deps.store.accounts()) if (account.record.kind === 'imap') this.#run(account);
    this.#listening = deps.store.on('changed', ({ accountId }) => {
      const running = this.#running.get(accountId);
      if (running !== undefined && running.imap.account.pending(1).length > 0) this.#nudge(running, false);
    });
  }

  get status(): ImapAccountStatus[] {
    const now = this.#deps.clock.now();
    return [...this.#running.values()].map(({ imap: { account, textlessCount }, server, supervisor }) => ({
      id: account.id,
      address: account.record.name,
      agent: supervisor.status,
      server,
      sendingProblem: this.submitter.problemOf(account.id)?.reason,
      sendingProblemCode: this.submitter.problemOf(account.id)?.code,
      pendingChanges: account.pending(Number.MAX_SAFE_INTEGER).length,
      emails: account.emailCount,
      toFetch: (server?.toFetch ?? 0) + textlessCount,
      lagMs: server?.currentAt === undefined ? undefined : Math.max(0, now - server.currentAt),
    }));
  }

  /** How old what each account shows is, since its agent was last in step; cheap, since it is asked for every few seconds. */
  get lags(): { readonly account: string; readonly lagMs: number }[] {
    const now = this.#deps.clock.now();
    return [...this.#running.values()].map(({ imap: { account }, server, startedAt }) => ({
      account: account.record.name,
      lagMs: Math.max(0, Math.round(now - (server?.currentAt ?? startedAt))),
    }));
  }

  has(accountId: string): boolean {
    return this.#running.has(accountId);
  }

  /**
   * The same address is the same account, with other settings. Nothing is kept unless the servers take them. Throws HubError
   * `malformed`, `untrusted`, `credential_refused`, `server_unreachable`.
   */
  async add(value: unknown): Promise<{ readonly id: string }> {
    const { store } = this.#deps;
    const given = parseImapSettings(value);
    const { settings, usable } = await this.#fresh(given);
    const id = `imap-${createHash('sha256').update(settings.address.toLowerCase()).digest('hex').slice(0, 12)}`;
    if (!this.#running.has(id) && this.#running.size >= ACCOUNTS_MAX)
      throw new HubError('too_large', `there are ${ACCOUNTS_MAX} accounts already`);
    await probe(usable, this.#scope.signal);
    return this.#inTurn(async () => {
      await this.#stop(id);
      const account = store.transact(() => {
        const before = store.account(id);
        const record = { id, name: settings.address, isPersonal: true, isReadOnly: false, kind: 'imap' } as const;
        const made = before ?? store.putAccount(record);
        writeImapSettings(made, settings);
        return made;
      });
      await store.flush();
      this.#run(account);
      this.submitter.renewed(id);
      return { id };
    });
  }

  /** As the agent uses them: with a token that is good for a while. */
  async #settingsOf(account: MailAccount, refused: string | undefined): Promise<ImapSettings> {
    if (refused !== undefined) this.#tokens.forget(refused);
    const kept = readImapSettings(account);
    const { settings, usable } = await this.#fresh(kept);
    if (settings !== kept) {
      // The provider has put another refresh token in the place of this one, which may be worth nothing any more.
      writeImapSettings(account, settings);
      await this.#deps.store.flush();
    }
    return usable;
  }

  /** What is to be kept, and what servers take now. Throws HubError `credential_refused` or `server_unreachable`. */
  async #fresh(kept: ImapSettings): Promise<{ readonly settings: ImapSettings; readonly usable: ImapSettings }> {
    const { imap, refresh, smtp, ...rest } = kept;
    if (refresh === undefined) return { settings: kept, usable: kept };
    const { access, replaced } = await this.#tokens.access(refresh, this.#scope.signal);
    const settings = replaced === undefined ? kept : { ...kept, refresh: { ...refresh, token: replaced } };
    const servers = {
      imap: { ...imap, secret: access },
      smtp: smtp === undefined ? undefined : { ...smtp, secret: access },
    };
    return { settings, usable: { ...rest, ...servers } };
  }

  /** Forgets the account here; nothing changes at its server. Throws HubError `absent`. */
  async remove(accountId: string): Promise<void> {
    this.#get(accountId);
    await this.#inTurn(async () => {
      await this.#stop(accountId);
      this.submitter.renewed(accountId);
      this.#deps.store.removeAccount(accountId);
      await this.#deps.store.flush();
    });
  }

  /** The server's folders are looked at now. */
  look(accountId: string): void {
    this.#nudge(this.#get(accountId), true);
  }

  /** In pieces, so that a large message is never whole in this process; to its end, which the size told may have missed. */
  readonly raw: MailSource['raw'] = async (accountId, emailId, range, signal) => {
    const { imap, supervisor } = this.#get(accountId);
    const place = imap.placeOf(emailId);
    if (place === undefined) return undefined;
    const { end, start } = range ?? { start: 0, end: Number.MAX_SAFE_INTEGER };
    const piece = async (from: number): Promise<Uint8Array | undefined> => {
      const wanted = { start: from, end: Math.min(end, from + RAW_PIECE_BYTES) };
      return (await supervisor.ask('raw', { ...place, range: wanted }, signal)).bytes;
    };
    const first = await piece(start);
    if (first === undefined) return undefined;
    return (async function* () {
      let at = start + first.length;
      yield first;
      for (let last = first; at < end && last.length === RAW_PIECE_BYTES; at += last.length) {
        const next = await piece(at);
        if (next === undefined) throw new HubError('absent', 'the message has gone meanwhile');
        last = next;
        yield next;
      }
    })();
  };

  readonly isSizeKnown: MailSource['isSizeKnown'] = (accountId, emailId) =>
    this.#get(accountId).imap.isSizeKnown(emailId);

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listening[Symbol.dispose]();
    await Promise.all([...this.#running.keys()].map((id) => this.#stop(id)));
    await this.#scope[Symbol.asyncDispose]();
  }

  /** Accounts come and go one after the other: one that is added twice at once would have two agents, and mail double. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // told to its caller
    return result;
  }

  #run(account: MailAccount): void {
    const imap = new ImapAccount(
      {
        ...this.#deps,
        settings: ({ refused }) => this.#settingsOf(account, refused),
        onStatus: (status) => {
          const running = this.#running.get(account.id);
          if (running !== undefined) running.server = status;
        },
      },
      account,
    );
    const { submitter } = this;
    submitter.tidy(account);
    const handlers: Handlers<ImapToldCalls> = {
      ...imap.handlers(),
      handing: async ({ id }) => {
        await submitter.handing(account, id);
        return {};
      },
    };
    const supervisor = new Supervisor<ImapAgentCalls, ImapToldCalls>(
      { ...this.#deps, start: this.#deps.startImapAgent, handlers },
      { name: `imap ${account.record.name}`, timeoutMs: this.#options.agentTimeoutMs },
    );
    this.#running.set(account.id, {
      imap,
      supervisor,
      server: undefined,
      isNudging: false,
      startedAt: this.#deps.clock.now(),
    });
  }

  async #stop(accountId: string): Promise<void> {
    const running = this.#running.get(accountId);
    this.#running.delete(accountId);
    await running?.supervisor[Symbol.asyncDispose]();
  }

  /** One that is on its way says it for what is added meanwhile: the agent asks what is pending after it has heard. */
  #nudge(running: Running, look: boolean): void {
    if (running.isNudging && !look) return;
    running.isNudging = true;
    this.#scope.spawn('nudge', async (signal) => {
      try {
        await running.supervisor.ask('nudge', { look }, signal);
      } finally {
        running.isNudging = false;
      }
    });
  }

  #get(accountId: string): Running {
    const running = this.#running.get(accountId);
    if (running === undefined) throw new HubError('absent', 'there is no such IMAP account');
    return running;
  }
}

/** Loaded when somebody adds an account: otherwise only agents need it, and these have threads of their own. */
async function probe({ imap, smtp }: ImapSettings, signal: AbortSignal): Promise<void> {
  const { connectImap } = await import('./imap-connection.ts');
  const client = await connectImap(imap, signal);
  client.close();
  if (smtp === undefined) return;
  const { probeSmtp } = await import('../smtp/smtp-agent.ts');
  await probeSmtp(smtp, signal);
}

/**
 * The agent of an encrypted account: the client library at work for a user server. It tells every change of a message until
 * the user server has it, and does at the home, by way of the client, what was changed there.
 */
import { type Clock, isAbort, type Log, Scope } from '../../../base/index.ts';
import {
  BLOCKED,
  Client,
  type ClientDeps,
  ClientError,
  type ClientOptions,
  DELETED,
  FOLDERS,
  filingMarks,
  foldersOf,
  type Marks,
  type Summary,
} from '../../../client/index.ts';
import { parsePduId } from '../../../protocol/index.ts';
import { VaultError } from '../../../vault/index.ts';
import { HubError } from '../../hub-error.ts';
import {
  OPENED_BYTES_MAX,
  REPORT_FIRST_MS,
  REPORT_INTERVAL_MS,
  TELL_BATCH,
  TELL_BYTES,
  TELL_RETRY_MS,
} from '../limits.ts';
import { AgentLine, type Handlers, type LinePort } from '../line.ts';
import { DeliveryTeller } from './delivery-teller.ts';
import type { Difference, MailAgentCalls, MessageContent, Outcome, ToldCalls, WholeMessage } from './mail-protocol.ts';
import { OpenDownloads } from './open-downloads.ts';
import { OpenedMessages } from './opened-messages.ts';
import { personHandlers } from './person-handlers.ts';
import { rawMime, sendMail } from './sending.ts';
import { contentOf, contentWithoutBody, ownKeyword, toldMessage } from './told-message.ts';

export interface MailAgentDeps extends ClientDeps {
  /** To the user server. */
  readonly port: LinePort;
}

export type MailAgentOptions = Pick<ClientOptions, 'profile' | 'nodeUrl' | 'fleets'>;

export class MailAgent implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #client: Client;
  readonly #line: AgentLine<ToldCalls, MailAgentCalls>;
  readonly #scope: Scope;
  readonly #downloads: OpenDownloads;
  readonly #opened = new OpenedMessages({ bytesMax: OPENED_BYTES_MAX });
  #wake: () => void = () => undefined;
  /** Settles when what has the turn is done. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(deps: MailAgentDeps, client: Client) {
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#client = client;
    this.#scope = new Scope((task, error) => {
      if (isOver(error)) return; // the user server has ended, or this agent: there is nobody to tell
      deps.log.error({ err: error, task }, 'a task of the mail agent failed');
    });
    this.#downloads = new OpenDownloads({
      clock: deps.clock,
      open: (manifest, signal) => client.openAttachment(manifest, signal),
      onError: (task, error) => deps.log.error({ err: error, task }, 'a download of the mail agent failed'),
    });
    this.#line = new AgentLine(deps, this.#handlers());
  }

  /** Its client connects by itself, and again whenever it has to. */
  static async open(deps: MailAgentDeps, options: MailAgentOptions): Promise<MailAgent> {
    const client = await Client.open(deps, { ...options, autoConnect: true, isFollowed: true });
    const agent = new MailAgent(deps, client);
    agent.#start();
    return agent;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line[Symbol.dispose]();
    await this.#scope[Symbol.asyncDispose]();
    await this.#downloads[Symbol.asyncDispose]();
    await this.#client[Symbol.asyncDispose]();
  }

  #start(): void {
    const { events } = this.#client;
    events.on('opened', ({ id, mime }) => this.#opened.put(id, mime));
    events.on('arrived', () => this.#wake());
    events.on('changed', () => this.#wake());
    events.on('said', ({ subject }) => {
      if (subject === FOLDERS) this.#spawn('folders', (signal) => this.#tellFolders(signal));
      // Whose mail is junk is a function of who is blocked now.
      if (subject === BLOCKED) this.#spawn('blocked', (signal) => this.#tellAll(signal));
    });
    this.#spawn('report', (signal) => this.#followReport(signal));
    const deliveries = new DeliveryTeller({
      clock: this.#clock,
      deliveries: this.#client.deliveries,
      tell: (request, signal) => this.#line.call('deliveries', request, signal),
    });
    events.on('delivery', () => deliveries.heard());
    this.#spawn('deliveries', (signal) => deliveries.run(signal));
    for (const event of ['state', 'offline', 'alarm', 'progress', 'outbox'] as const)
      events.on(event, () => this.#spawn('status', (signal) => this.#tellStatus(signal)));
    this.#spawn('tell', (signal) => this.#follow(signal));
    this.#spawn('folders', (signal) => this.#tellFolders(signal));
    this.#spawn('status', (signal) => this.#tellStatus(signal));
  }

  #spawn(name: string, task: (signal: AbortSignal) => Promise<unknown>): void {
    this.#scope.spawn(name, async (signal) => {
      await task(signal);
    });
  }

  /** Tells what changed, batch by batch, and forgets it when the user server has it. */
  async #follow(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#wake();
    signal.addEventListener('abort', stop, { once: true });
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if (!(await this.#tellChanges(signal))) await woken;
    }
  }

  /** False when nothing was left to tell. What fails is told again, and again after a restart. */
  async #tellChanges(signal: AbortSignal): Promise<boolean> {
    const { mail } = this.#client;
    try {
      return await this.#inTurn(async () => {
        const changes = await mail.changes(TELL_BATCH);
        if (changes.length === 0) return false;
        const summaries = changes.map(({ summary }) => summary);
        await this.#tell(summaries, signal);
        await mail.taken(changes);
        return true;
      });
    } catch (error) {
      if (isOver(error) || isAbort(error, signal)) throw error;
      this.#log.warn({ err: error }, 'changes cannot be told now');
      await this.#clock.sleep(TELL_RETRY_MS, signal);
      return true;
    }
  }

  /**
   * Telling and changing take turns: a message is never told as it was before a change that the user server knows to be done,
   * and not as new before whoever made it has heard its id.
   */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined); // told to its caller
    return result;
  }

  async #tell(summaries: readonly Summary[], signal: AbortSignal): Promise<void> {
    const told = summaries.map((summary) => toldMessage(summary, this.#client.address));
    const { wanted } = await this.#line.call('messages', { messages: told }, signal);
    const missing = new Set(wanted);
    let messages: WholeMessage[] = [];
    let sizeBytes = 0;
    for (const [index, summary] of summaries.entries()) {
      if (!missing.has(summary.id)) continue;
      const content = await this.#contentOf(summary);
      messages.push({ ...(told[index] as (typeof told)[number]), ...content });
      sizeBytes += content.headerBlock.length + 2 * content.text.length;
      if (sizeBytes < TELL_BYTES) continue;
      await this.#line.call('contents', { messages }, signal);
      messages = [];
      sizeBytes = 0;
    }
    if (messages.length > 0) await this.#line.call('contents', { messages }, signal);
  }

  async #contentOf(summary: Summary): Promise<MessageContent> {
    const mime = this.#opened.take(summary.id) ?? (await this.#raw(summary.id));
    return mime === undefined ? contentWithoutBody(summary) : contentOf(mime);
  }

  async #tellAll(signal: AbortSignal): Promise<void> {
    let page: Summary[] = [];
    for await (const summary of this.#client.mail.list({ junk: true })) {
      page.push(summary);
      if (page.length < TELL_BATCH) continue;
      const full = page;
      await this.#inTurn(() => this.#tell(full, signal));
      page = [];
    }
    await this.#inTurn(() => this.#tell(page, signal));
  }

  /** What is complete also changes with what nodes say of their heads, of which no event tells: looked at now and then. */
  async #followReport(signal: AbortSignal): Promise<void> {
    let told = '';
    for (;;) {
      const report = await this.#client.report();
      const { connection, node, offlineSince } = this.#client.state;
      const isConnected = connection === 'connected';
      const said = { report, node: isConnected ? node : undefined };
      const spelled = JSON.stringify(said);
      // Whoever is just connecting is not away: that no node answers is told when none did.
      if ((isConnected || offlineSince !== undefined) && spelled !== told) {
        await this.#line.call('report', said, signal);
        told = spelled;
      }
      await this.#clock.sleep(told === '' ? REPORT_FIRST_MS : REPORT_INTERVAL_MS, signal);
    }
  }

  async #tellFolders(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      await this.#line.call('folders', { folders: await this.#client.folders.list() }, signal);
    });
  }

  async #tellStatus(signal: AbortSignal): Promise<void> {
    const { alarms, outbox, state } = this.#client;
    const { connection, node } = state;
    const shown = alarms.map(({ code, detail, subject }) => ({ code, detail, subject }));
    await this.#line.call('status', { connection, node, queued: outbox.queuedCount, alarms: shown }, signal);
  }

  #handlers(): Handlers<MailAgentCalls> {
    const client = this.#client;
    return {
      ...personHandlers(client),
      ping: async () => ({}),
      raw: async ({ pdu }) => ({ mime: await this.#raw(pdu) }),
      chunk: async ({ manifest, number }) => ({ bytes: await this.#downloads.chunk(manifest, number) }),
      update: async ({ folders, keywords, pdu }) => this.#update(pdu, keywords, folders),
      delete: async ({ pdu }) => this.#mark(pdu, () => ({ [DELETED]: true }), { [DELETED]: true }),
      create: (request, signal) => this.#inTurn(() => this.#create(request, signal)),
      send: async (request, signal) => {
        const outcome = await sendMail(this.#client, request, signal);
        await this.#tellStatus(signal);
        return outcome;
      },
      describeFolder: async ({ id, words }) => {
        await this.#inTurn(() => client.folders.describe(id, words));
        return {};
      },
      removeFolder: async ({ id }) => {
        await this.#inTurn(() => this.#removeFolder(id));
        return {};
      },
      flush: async (_, signal) => {
        await client.flush(signal);
        return {};
      },
      hurry: async (_, signal) => {
        await client.connect(signal);
        return {};
      },
      report: async () => ({ report: await client.report() }),
      retell: async (_, signal) => {
        await this.#tellAll(signal);
        return {};
      },
    };
  }

  async #create(
    { folders, key, keywords, mime }: MailAgentCalls['create']['request'],
    signal: AbortSignal,
  ): Promise<{ readonly pdu: string }> {
    const { id } = await this.#client.sendRaw(
      { key, mime: rawMime(mime), shown: [this.#client.address], hidden: [] },
      signal,
    );
    // Said of a message that is on its way: it takes this up when it arrives.
    await this.#client.mail.say(id, { ...filingMarks([], folders), ...marksOf({ added: keywords, removed: [] }) });
    return { pdu: id };
  }

  #update(pdu: string, keywords: Difference<string>, folders: MailFolders): Promise<Outcome> {
    const isMoved = folders.added.length + folders.removed.length > 0;
    const unseen = { ...marksOf(keywords), ...(isMoved ? filingMarks(folders.removed, folders.added) : {}) };
    const marks = (summary: Summary): Marks => {
      const before = foldersOf(summary, this.#client.address);
      const after = [
        ...before.filter((folder) => !folders.removed.includes(folder)),
        ...folders.added.filter((folder) => !before.includes(folder)),
      ];
      return { ...marksOf(keywords), ...(isMoved ? filingMarks(before, after) : {}) };
    };
    return this.#mark(pdu, marks, unseen);
  }

  /** `unseen` is said of a message that is still on its way, such as one that was made here a moment ago. */
  #mark(pdu: string, marks: (summary: Summary) => Marks, unseen: Marks): Promise<Outcome> {
    return this.#inTurn(async () => {
      const id = parsePduId(pdu);
      const summary = await this.#client.mail.find(id);
      if (summary === undefined) {
        if (!(await this.#hasEverything())) return { status: 'later' };
        await this.#client.mail.say(id, unseen);
        return { status: 'done' };
      }
      await this.#client.mail.mark([id], marks(summary));
      this.#wake();
      return { status: 'done' };
    });
  }

  async #hasEverything(): Promise<boolean> {
    return (await this.#client.report()).complete && (await this.#client.toIndex()) === 0;
  }

  async #removeFolder(id: FolderOfChange): Promise<void> {
    const { address, folders, mail } = this.#client;
    for await (const summary of mail.list({ junk: true, keyword: id })) {
      const before = foldersOf(summary, address);
      const after = before.filter((folder) => folder !== id);
      if (after.length === 0) await mail.delete([summary.id]);
      else await mail.mark([summary.id], filingMarks(before, after));
    }
    await folders.describe(id, { isThere: false });
    this.#wake();
  }

  /** Undefined when the message or its body is not on this device, or cannot be opened. */
  async #raw(pdu: string): Promise<Uint8Array | undefined> {
    try {
      return (await this.#client.mail.raw(parsePduId(pdu))).mime;
    } catch (error) {
      const isExpected =
        error instanceof VaultError ||
        (error instanceof ClientError && (error.code === 'not_here' || error.code === 'unknown_message'));
      if (!isExpected) throw error;
      this.#log.debug({ err: error, pdu }, 'a message has no bytes here');
      return undefined;
    }
  }
}

function isOver(error: unknown): boolean {
  return error instanceof HubError && error.code === 'closed';
}

type FolderOfChange = MailAgentCalls['removeFolder']['request']['id'];
type MailFolders = MailAgentCalls['update']['request']['folders'];

function marksOf({ added, removed }: Difference<string>): Marks {
  return {
    ...Object.fromEntries(removed.map((keyword) => [ownKeyword(keyword), false])),
    ...Object.fromEntries(added.map((keyword) => [ownKeyword(keyword), true])),
  };
}

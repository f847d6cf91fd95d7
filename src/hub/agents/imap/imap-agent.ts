/**
 * The agent of an IMAP account. One connection does the work, in one order: all folders are looked at, then what is pending is
 * done step by step, then texts are read for the index; a second connection waits in IDLE. So a step is never planned on
 * anything but what the server showed after the step before, and whatever an ended connection leaves open is seen at the next
 * look. Remembers nothing between lives.
 */
import type { ImapFlow } from 'imapflow';
import { type Clock, isAbort, type Log, Scope, whenAborted } from '../../../base/index.ts';
import { readMessage } from '../../../jmap/mime/index.ts';
import { HubError, type HubErrorCode, sentencesOf } from '../../hub-error.ts';
import { AgentLine, type Handlers, type LinePort } from '../line.ts';
import { sendMessage } from '../smtp/smtp-agent.ts';
import { type ListedFolder, listFolders, prefixOf } from './folder-list.ts';
import { inFolder, syncFolder } from './folder-sync.ts';
import { asHubError, connectImap, isRefusal } from './imap-connection.ts';
import type {
  FolderToSync,
  ImapAgentCalls,
  ImapSettings,
  ImapStatus,
  ImapToldCalls,
  RemoteBody,
  SendOutcome,
} from './imap-protocol.ts';
import {
  BODY_BATCH,
  BODY_BATCH_BYTES,
  BODY_WHOLE_BYTES,
  FLAGS_INTERVAL_MS,
  RECONNECT_CEILING_MS,
  RECONNECT_FIRST_MS,
  ROUND_INTERVAL_MS,
  UNSETTLED_LOOKS_MAX,
} from './limits.ts';
import { readOctets, sectionOf, sizeOf } from './message-octets.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { doStep } from './steps.ts';
import { uidSetOf } from './uid-set.ts';
import { watchInbox } from './watcher.ts';

export interface ImapAgentDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly port: LinePort;
}

type Batch = NonNullable<ImapToldCalls['textless']['reply']['batch']>;

export class ImapAgent implements AsyncDisposable {
  readonly #deps: ImapAgentDeps;
  readonly #line: AgentLine<ImapToldCalls, ImapAgentCalls>;
  readonly #scope: Scope;
  #client: ImapFlow | undefined;
  #settings: ImapSettings | undefined;
  /** A secret that the server did not take the last time. */
  #refused: string | undefined;
  #status: ImapStatus = {
    connection: 'disconnected',
    problem: undefined,
    problemCode: undefined,
    currentAt: undefined,
    toFetch: 0,
  };
  #wake: () => void = () => undefined;
  /** What was asked for while the work went on. */
  #isNudged = false;
  #isLookWanted = false;
  /** By path, when all flags of a folder without mod-sequences are to be read again. */
  readonly #flagsDueAt = new Map<string, number>();
  /** By path, what the server refuses of a folder. */
  readonly #problems = new Map<string, string>();
  /** Folders that could not be opened for their texts since the last look. */
  readonly #unopened = new Set<string>();
  /** In a row, which left open where messages went. */
  #unsettledLooks = 0;

  constructor(deps: ImapAgentDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => {
      if (isOver(error)) return; // the user server has ended, or this agent: there is nobody to tell
      deps.log.error({ err: error, task }, 'a task of the IMAP agent failed');
    });
    this.#line = new AgentLine(deps, this.#handlers());
    this.#scope.spawn('work', (signal) => this.#run(signal));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line[Symbol.dispose]();
    this.#client?.close();
    await this.#scope[Symbol.asyncDispose]();
  }

  /** Connects, works, and does so again whenever the connection has ended. */
  async #run(signal: AbortSignal): Promise<void> {
    const { log } = this.#deps;
    let waitMs = RECONNECT_FIRST_MS;
    while (!signal.aborted) {
      try {
        await this.#say({ connection: 'connecting' }, signal);
        await this.#live(signal, () => {
          waitMs = RECONNECT_FIRST_MS;
        });
      } catch (error) {
        if (isOver(error) || isAbort(error, signal)) throw error;
        const { code: problemCode, words: problem } = this.#named(error);
        log.warn({ err: error }, 'an IMAP server cannot be worked with now');
        await this.#say({ connection: 'disconnected', problem, problemCode }, signal);
      }
      await this.#pause(waitMs, signal);
      waitMs = Math.min(2 * waitMs, RECONNECT_CEILING_MS);
    }
  }

  /** One connection. Throws when it cannot be made, or has ended. */
  async #live(signal: AbortSignal, onGood: () => void): Promise<void> {
    const client = await this.#connect(signal);
    const life = new AbortController();
    const end = (): void => life.abort(new DOMException('the connection ended', 'AbortError'));
    client.once('close', end);
    using _ = whenAborted(signal, end);
    this.#client = client;
    const { clock, log } = this.#deps;
    const connect = (): Promise<ImapFlow> => this.#connect(life.signal);
    this.#scope.spawn('watch', () => watchInbox({ clock, log, connect, onNews: () => this.#look() }, life.signal));
    try {
      await this.#say({ connection: 'connected', problem: undefined, problemCode: undefined }, signal);
      for (;;) {
        const isSettled = await this.#round(client, signal);
        onGood();
        if (isSettled) await this.#workUntilNextRound(client, signal);
      }
    } finally {
      this.#client = undefined;
      end();
      client.close();
    }
  }

  /** With what servers take now, which may not be what they took before. */
  async #connect(signal: AbortSignal): Promise<ImapFlow> {
    const settings = await this.#line.call('settings', { refused: this.#refused }, signal);
    this.#settings = settings;
    this.#refused = undefined;
    try {
      return await connectImap(settings.imap, signal);
    } catch (error) {
      if (error instanceof HubError && error.code === 'credential_refused') this.#refused = settings.imap.secret;
      throw error;
    }
  }

  #named(error: unknown): { readonly code: HubErrorCode | undefined; readonly words: string } {
    const settings = this.#settings?.imap;
    const named = error instanceof HubError || settings === undefined ? error : asHubError(error, settings);
    return named instanceof HubError
      ? { code: named.code, words: sentencesOf(named) }
      : { code: undefined, words: asText(error) };
  }

  /** Looks at all folders. Answers whether what is pending may be done: not while messages may have moved meanwhile. */
  async #round(client: ImapFlow, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    this.#isLookWanted = false;
    this.#unopened.clear();
    const listed = await listFolders(client);
    const told = listed.map(({ folder }) => folder);
    const { folders } = await this.#line.call('folders', { folders: told, prefix: prefixOf(client) }, signal);
    const byPath = new Map(listed.map((one) => [one.folder.path, one]));
    for (const known of [this.#flagsDueAt, this.#problems])
      for (const path of known.keys()) if (!byPath.has(path)) known.delete(path);
    const refused: string[] = [];
    for (const folder of folders) {
      const { path } = folder;
      const now = byPath.get(path);
      const readsAllFlags = (this.#flagsDueAt.get(path) ?? 0) <= clock.monotonic();
      if (now === undefined || !hasChanged(folder, now, readsAllFlags)) continue;
      const onLeft = (toFetch: number): void => {
        this.#status = { ...this.#status, toFetch };
      };
      try {
        const { unseen } = now;
        const turn = { path, unseen, readsAllFlags };
        const leftOut = await syncFolder({ client, line: this.#line, onLeft }, turn, signal);
        this.#problems.delete(path);
        if (leftOut.length > 0)
          this.#problems.set(path, `${path}: messages left out: ${leftOut.length}: ${this.#named(leftOut[0]).words}`);
        if (readsAllFlags) this.#flagsDueAt.set(path, clock.monotonic() + FLAGS_INTERVAL_MS);
      } catch (error) {
        // Of one folder that the server refuses; the others are none the worse for it.
        if (!client.usable || !isRefusal(error)) throw error;
        this.#deps.log.warn({ err: error }, 'a folder cannot be looked at now');
        refused.push(path);
        this.#problems.set(path, `${path}: ${this.#named(error).words}`);
      }
    }
    const { again } = await this.#line.call('current', { refused }, signal);
    this.#isLookWanted ||= again;
    this.#unsettledLooks = again ? this.#unsettledLooks + 1 : 0;
    if (again && this.#unsettledLooks % UNSETTLED_LOOKS_MAX !== 0) return false;
    const [problem] = this.#problems.values();
    await this.#say({ currentAt: clock.now(), problem, problemCode: undefined }, signal);
    return true;
  }

  /**
   * Does what is pending, then reads texts, then waits; whatever is pending goes before texts. Once in any case: where each
   * look brings news of the next, neither would ever have its turn.
   */
  async #workUntilNextRound(client: ImapFlow, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const until = clock.monotonic() + ROUND_INTERVAL_MS;
    do {
      this.#isNudged = false;
      if (await this.#replay(client, signal)) return;
      const { batch } = await this.#line.call('textless', { except: [...this.#unopened] }, signal);
      if (batch !== undefined) await this.#readAllTexts(client, batch, until, signal);
      else if (!this.#isNudged && !this.#isLookWanted) await this.#pause(until - clock.monotonic(), signal);
      if (!client.usable) throw new HubError('server_unreachable', 'the connection ended', { retry: 'now' });
    } while (!this.#isLookWanted && clock.monotonic() < until);
  }

  /** True when all folders are to be looked at before more can be done. */
  async #replay(client: ImapFlow, signal: AbortSignal): Promise<boolean> {
    for (;;) {
      const { look, step } = await this.#line.call('nextStep', {}, signal);
      if (step === undefined) return look;
      await this.#line.call('stepped', await doStep(client, step), signal);
    }
  }

  /**
   * Some at a time, until something is pending or the next look at all folders is due; those before are written down while the
   * next are fetched.
   */
  async #readAllTexts(client: ImapFlow, all: Batch, until: number, signal: AbortSignal): Promise<void> {
    const telling = new OneAtATime();
    for (const messages of inBatches(all.messages)) {
      const batch = { ...all, messages };
      const texts = await this.#fetchTexts(client, batch);
      if (texts === undefined) break;
      await telling.begin(() => this.#tellTexts(batch, texts, signal));
      if (this.#isNudged || this.#isLookWanted || this.#deps.clock.monotonic() >= until) break;
    }
    await telling.ended();
  }

  /** Undefined: the folder cannot be opened, or is another by now. That says nothing of its messages. */
  async #fetchTexts(client: ImapFlow, batch: Batch): Promise<RemoteBody[] | undefined> {
    const { messages, path } = batch;
    let isOpen = false;
    try {
      return await inFolder(client, batch, () => {
        isOpen = true;
        return readBodies(client, messages);
      });
    } catch (error) {
      if (!client.usable || !isRefusal(error)) throw error;
      this.#deps.log.warn({ err: error }, 'texts of messages cannot be read');
      if (!isOpen) this.#unopened.add(path);
      if (!isOpen) return undefined;
      // One that the server cannot read itself makes it refuse all that were asked for with it.
      if (messages.length === 1) return [];
      const texts: RemoteBody[] = [];
      for (const message of messages)
        texts.push(...((await this.#fetchTexts(client, { ...batch, messages: [message] })) ?? []));
      return this.#unopened.has(path) ? undefined : texts;
    }
  }

  async #tellTexts(
    { messages, path, uidValidity }: Batch,
    bodies: readonly RemoteBody[],
    signal: AbortSignal,
  ): Promise<void> {
    const read = new Set(bodies.map(({ uid }) => uid));
    // Gone meanwhile, or refused: asking again and again would not help.
    const absent = messages.map(({ uid }) => uid).filter((uid) => !read.has(uid));
    await this.#line.call('bodies', { path, uidValidity, bodies, absent }, signal);
  }

  #handlers(): Handlers<ImapAgentCalls> {
    return {
      ping: async () => ({}),
      nudge: async ({ look }) => {
        this.#isNudged = true;
        this.#isLookWanted ||= look;
        this.#wake();
        return {};
      },
      raw: async ({ range, uid, ...folder }) => {
        const client = this.#client;
        if (client === undefined || !client.usable)
          throw new HubError('server_unreachable', 'the mail server is not reached now', { retry: 'later' });
        return inFolder(client, folder, async () => {
          const bytes = await readOctets(client, uid, range.start, range.end - range.start);
          return { bytes: bytes === undefined ? undefined : Uint8Array.from(bytes) };
        });
      },
      send: (message, signal) => this.#send(message, signal),
    };
  }

  async #send({ id, ...message }: ImapAgentCalls['send']['request'], signal: AbortSignal): Promise<SendOutcome> {
    const onHanding = async (): Promise<void> => {
      await this.#line.call('handing', { id }, signal);
    };
    const { smtp } = await this.#line.call('settings', {}, signal);
    if (smtp === undefined) return { kind: 'later', reason: 'the account has no server to send by', code: undefined };
    const outcome = await sendMessage({ onHanding }, smtp, message, signal);
    if (outcome.kind !== 'later' || outcome.code !== 'credential_refused') return outcome;
    // A token that is over sooner than was said is made anew, where that can be done.
    const { smtp: renewed } = await this.#line.call('settings', { refused: smtp.secret }, signal);
    if (renewed === undefined || renewed.secret === smtp.secret) return outcome;
    return sendMessage({ onHanding }, renewed, message, signal);
  }

  #look(): void {
    this.#isLookWanted = true;
    this.#wake();
  }

  /** Until somebody wakes it, or the time is over. */
  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const pause = new AbortController();
    const end = (): void => pause.abort(new DOMException('woken', 'AbortError'));
    const client = this.#client;
    this.#wake = end;
    using _ = whenAborted(signal, end);
    client?.once('close', end);
    if (client?.usable === false) end(); // closed before anybody listened
    try {
      await this.#deps.clock.sleep(Math.max(0, ms), pause.signal);
    } catch (error) {
      if (!isAbort(error, pause.signal)) throw error;
    } finally {
      this.#wake = () => undefined;
      client?.off('close', end);
    }
    signal.throwIfAborted();
  }

  async #say(change: Partial<ImapStatus>, signal: AbortSignal): Promise<void> {
    this.#status = { ...this.#status, ...change };
    await this.#line.call('status', this.#status, signal);
  }
}

/** Few enough to be fetched at once. */
function* inBatches(messages: Batch['messages']): Generator<Batch['messages']> {
  let batch: Batch['messages'][number][] = [];
  let sizeBytes = 0;
  for (const message of messages) {
    batch.push(message);
    sizeBytes += Math.min(message.size, BODY_WHOLE_BYTES);
    if (batch.length < BODY_BATCH && sizeBytes < BODY_BATCH_BYTES) continue;
    yield batch;
    batch = [];
    sizeBytes = 0;
  }
  if (batch.length > 0) yield batch;
}

async function readBodies(client: ImapFlow, messages: Batch['messages']): Promise<RemoteBody[]> {
  const bodies: RemoteBody[] = [];
  const range = uidSetOf(messages.map(({ uid }) => uid));
  const query = { uid: true, source: { start: 0, maxLength: BODY_WHOLE_BYTES } };
  for await (const message of client.fetch(range, query, { uid: true })) {
    const source = sectionOf(message.source);
    if (source === undefined) continue;
    const { hasAttachment, preview, text } = readMessage(source);
    bodies.push({ uid: message.uid, hasAttachment, preview, text, size: source.length });
  }
  const told = new Map(messages.map(({ size, uid }) => [uid, size]));
  for (const [at, body] of bodies.entries())
    if (body.size >= BODY_WHOLE_BYTES)
      bodies[at] = { ...body, size: await sizeOf(client, body.uid, body.size, told.get(body.uid) ?? 0) };
  return bodies;
}

/**
 * Without mod-sequences a server does not say that flags have changed: how many messages are unseen says most of it. The inbox
 * is looked at whatever the counts are, since its watcher tells of flags too.
 */
function hasChanged({ mark, path, uidValidity }: FolderToSync, now: ListedFolder, isDue: boolean): boolean {
  const isSame = mark?.messages === now.messages && mark?.uidNext === now.uidNext && uidValidity === now.uidValidity;
  if (mark === undefined || !isSame) return true;
  if (mark.modseq !== undefined && now.modseq !== undefined) return mark.modseq !== now.modseq;
  return isDue || mark.unseen === undefined || mark.unseen !== now.unseen || path.toUpperCase() === 'INBOX';
}

function isOver(error: unknown): boolean {
  return error instanceof HubError && error.code === 'closed';
}

function asText(error: unknown): string {
  return error instanceof Error ? error.message : 'it failed';
}

/** Everything out of an account as one file, and files into it: message by message, with a count that moves. */
import { mboxEntry, messagesIn } from '../format/mbox.ts';
import type { Email } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

/** Messages that are fetched or sent at once. */
const AT_ONCE = 6;
const PAGE = 500;

export interface Progress {
  readonly done: number;
  readonly all: number;
  readonly failed: number;
}

export class Transfer {
  /** Undefined: nothing is under way. */
  progress = $state.raw<Progress>();
  readonly #line: Line;
  #stop = new AbortController();

  constructor(line: Line) {
    this.#line = line;
  }

  stop(): void {
    this.#stop.abort(new DOMException('stopped', 'AbortError'));
  }

  /** Undefined when it was stopped. The parts are the browser's to keep: they need not fit into memory. */
  async exportAll(accountId: string): Promise<{ readonly file: Blob; readonly end: Progress } | undefined> {
    const signal = this.#begin();
    const parts: Blob[] = [];
    const ids = await this.#idsOf(accountId);
    this.progress = { done: 0, all: ids.length, failed: 0 };
    for (let at = 0; at < ids.length && !signal.aborted; at += PAGE) {
      const emails = await this.#emails(accountId, ids.slice(at, at + PAGE));
      const entries = await mapped(emails, (email) => this.#entry(accountId, email), signal);
      parts.push(...entries.flatMap((entry) => entry ?? []));
      this.#count(ids.slice(at, at + PAGE).length - emails.length, 0);
    }
    const end = this.#end();
    return signal.aborted ? undefined : { file: new Blob(parts, { type: 'application/mbox' }), end };
  }

  /** Into a mailbox. What was imported until it is stopped stays. */
  async importFiles(accountId: string, mailboxId: string, files: readonly File[]): Promise<Progress> {
    const signal = this.#begin();
    const waiting: Promise<void>[] = [];
    for (const file of files)
      for await (const message of messagesIn(file)) {
        if (signal.aborted) break;
        this.#found();
        waiting.push(this.#import(accountId, mailboxId, message, signal));
        if (waiting.length >= AT_ONCE) await waiting.shift();
      }
    await Promise.all(waiting);
    return this.#end();
  }

  #begin(): AbortSignal {
    this.#stop = new AbortController();
    this.progress = { done: 0, all: 0, failed: 0 };
    return this.#stop.signal;
  }

  #end(): Progress {
    const end = this.progress ?? { done: 0, all: 0, failed: 0 };
    this.progress = undefined;
    return end;
  }

  #found(): void {
    if (this.progress !== undefined) this.progress = { ...this.progress, all: this.progress.all + 1 };
  }

  #count(done: number, failed: number): void {
    const { progress } = this;
    if (progress === undefined) return;
    this.progress = { ...progress, done: progress.done + done, failed: progress.failed + failed };
  }

  async #idsOf(accountId: string): Promise<readonly string[]> {
    const ids: string[] = [];
    for (;;) {
      const query = { accountId, position: ids.length, sort: [{ property: 'receivedAt' }] };
      const answers = await this.#line.attempt((connection) => connection.call([['Email/query', query, 'query']]));
      const page = (answers.get('query') as { ids?: readonly string[] }).ids ?? [];
      if (page.length === 0) return ids;
      ids.push(...page);
    }
  }

  async #emails(accountId: string, ids: readonly string[]): Promise<readonly Email[]> {
    const args = { accountId, ids, properties: ['id', 'blobId', 'receivedAt', 'from'] };
    const answers = await this.#line.attempt((connection) => connection.call([['Email/get', args, 'get']]));
    return listOf<Email>(answers.get('get'));
  }

  async #entry(accountId: string, { blobId, from, receivedAt }: Email): Promise<Blob | undefined> {
    try {
      const blob = await this.#line.attempt((connection) =>
        connection.download(accountId, blobId, 'message.eml', 'message/rfc822'),
      );
      const bytes = new Uint8Array(await blob.arrayBuffer());
      this.#count(1, 0);
      return mboxEntry(bytes, from?.[0]?.email ?? '', new Date(receivedAt));
    } catch (error) {
      console.warn(error);
      this.#count(1, 1);
      return undefined;
    }
  }

  async #import(
    accountId: string,
    mailboxId: string,
    message: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
  ): Promise<void> {
    try {
      const file = new Blob([message], { type: 'message/rfc822' });
      const { blobId } = await this.#line.attempt((connection) =>
        connection.upload(accountId, file, () => undefined, signal),
      );
      const emails = { it: { blobId, mailboxIds: { [mailboxId]: true }, keywords: { $seen: true } } };
      const answers = await this.#line.attempt((connection) =>
        connection.call([['Email/import', { accountId, emails }, 'import']]),
      );
      const { created } = answers.get('import') as { created?: { it?: object } | null };
      this.#count(1, created?.it === undefined ? 1 : 0);
    } catch (error) {
      if (!signal.aborted) console.warn(error);
      this.#count(1, 1);
    }
  }
}

/** As many at once as a hub likes, in their order. */
async function mapped<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
  signal: AbortSignal,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length && !signal.aborted; at += AT_ONCE)
    results.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  return results;
}

/**
 * Forgets blobs that nothing refers to (RFC 8620, section 6): a day after they came, or earlier, oldest first, when together
 * they are more than the quota. Never while a request is under way, which may be about to refer to one, or an upload, which may
 * be of the same content; and what comes while one is deleted waits for that.
 */
import { type Clock, type Log, Scope } from '../../base/index.ts';
import { BLOB_SWEEP_MS, UNREFERENCED_BYTES_MAX, UNREFERENCED_KEPT_MS } from '../limits.ts';
import type { MailAccount } from '../store/mail-account.ts';
import type { MailStore } from '../store/mail-store.ts';
import { unsentSubmissions } from '../submission/submission-shelf.ts';
import type { BlobEntry, BlobStore } from './ports.ts';

export interface BlobCollectorDeps {
  readonly store: MailStore;
  readonly blobStore: BlobStore;
  readonly clock: Clock;
  readonly log: Log;
  /** How many requests and uploads there have been; undefined while one is under way. */
  readonly quietAfter: () => number | undefined;
}

export class BlobCollector implements AsyncDisposable {
  readonly #deps: BlobCollectorDeps;
  readonly #scope: Scope;
  /** At most so many octets of an account are referred to by nothing; unknown before it was looked at. */
  readonly #unreferenced = new Map<string, number>();
  #isCollecting = false;
  #deleting: Promise<unknown> | undefined;

  constructor(deps: BlobCollectorDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'blobs could not be collected'));
  }

  start(): void {
    this.#scope.spawn('collect blobs', async (signal) => {
      for (;;) {
        await this.#deps.clock.sleep(BLOB_SWEEP_MS, signal);
        for (const account of this.#deps.store.accounts()) await this.#collect(account);
      }
    });
  }

  /** Settled when what is being deleted is gone; undefined if nothing is. */
  get deleting(): Promise<unknown> | undefined {
    return this.#deleting;
  }

  /** A client has uploaded something. */
  async uploaded(account: MailAccount, sizeBytes: number): Promise<void> {
    const before = this.#unreferenced.get(account.id);
    this.#unreferenced.set(account.id, (before ?? 0) + sizeBytes);
    if (before === undefined || before + sizeBytes > UNREFERENCED_BYTES_MAX) await this.#collect(account);
  }

  /** Deletes what is too old, and the oldest of what is too much; one account at a time. */
  async #collect(account: MailAccount): Promise<void> {
    const turn = this.#deps.quietAfter();
    if (this.#isCollecting || turn === undefined) return;
    this.#isCollecting = true;
    try {
      await this.#deleteUnreferenced(account, turn);
    } finally {
      this.#isCollecting = false;
    }
  }

  async #deleteUnreferenced(account: MailAccount, turn: number): Promise<void> {
    const { blobStore, clock, log, quietAfter } = this.#deps;
    // What is uploaded from now on is added to what is kept.
    this.#unreferenced.set(account.id, 0);
    const isReferred = referencesOf(account);
    const found: BlobEntry[] = [];
    for await (const entry of blobStore.entries(account.id)) if (!isReferred(entry.id)) found.push(entry);
    found.sort((a, b) => b.storedAt - a.storedAt);
    const oldest = clock.now() - UNREFERENCED_KEPT_MS;
    const doomed: BlobEntry[] = [];
    let kept = 0;
    for (const [index, entry] of found.entries()) {
      const isNewest = index === 0;
      const isKept = entry.storedAt >= oldest && (isNewest || kept + entry.sizeBytes <= UNREFERENCED_BYTES_MAX);
      if (isKept) kept += entry.sizeBytes;
      else doomed.push(entry);
    }
    let deleted = 0;
    // Whoever has come meanwhile may have referred to one of them, or uploaded it again: they wait for the next time.
    for (const { id, sizeBytes } of doomed.toReversed())
      if (quietAfter() === turn) {
        await this.#delete(account, id);
        deleted++;
      } else kept += sizeBytes;
    this.#unreferenced.set(account.id, (this.#unreferenced.get(account.id) ?? 0) + kept);
    if (deleted > 0) log.info({ account: account.id, deleted }, 'blobs that nothing referred to are gone');
  }

  async #delete(account: MailAccount, blobId: string): Promise<void> {
    const deletion = this.#deps.blobStore.delete(account.id, blobId);
    this.#deleting = Promise.allSettled([deletion]);
    try {
      await deletion;
    } finally {
      this.#deleting = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}

/** Emails, messages that are still to be made at the account's server, and those that are still to be sent. */
function referencesOf(account: MailAccount): (blobId: string) => boolean {
  const waiting = new Set<string | null>([
    ...account
      .pending(Number.MAX_SAFE_INTEGER)
      .map(({ change }) => (change.kind === 'emailCreate' ? change.blobId : null)),
    ...unsentSubmissions(account).map(({ submission }) => submission.blobId),
  ]);
  return (blobId) => waiting.has(blobId) || account.emailOfBlob(blobId) !== undefined;
}

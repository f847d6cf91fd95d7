/**
 * Forgets blobs that nothing refers to (RFC 8620, section 6): a day after they came, or earlier, oldest first, when together
 * they are more than the quota. Never while a request is under way, which may be about to refer to one.
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
  /** Whether no request is under way. */
  readonly isQuiet: () => boolean;
}

export class BlobCollector implements AsyncDisposable {
  readonly #deps: BlobCollectorDeps;
  readonly #scope: Scope;
  /** At most so many octets of an account are referred to by nothing; unknown before it was looked at. */
  readonly #unreferenced = new Map<string, number>();

  constructor(deps: BlobCollectorDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'blobs could not be collected'));
  }

  start(): void {
    this.#scope.spawn('collect blobs', async (signal) => {
      for (;;) {
        await this.#deps.clock.sleep(BLOB_SWEEP_MS, signal);
        if (this.#deps.isQuiet()) for (const account of this.#deps.store.accounts()) await this.collect(account);
      }
    });
  }

  /** A client has uploaded something. */
  async uploaded(account: MailAccount, sizeBytes: number): Promise<void> {
    const before = this.#unreferenced.get(account.id);
    this.#unreferenced.set(account.id, (before ?? 0) + sizeBytes);
    if (before === undefined || before + sizeBytes > UNREFERENCED_BYTES_MAX) await this.collect(account);
  }

  /** Deletes what is too old, and the oldest of what is too much. */
  async collect(account: MailAccount): Promise<void> {
    const { blobStore, clock, log } = this.#deps;
    const isReferred = referencesOf(account);
    const found: BlobEntry[] = [];
    for await (const entry of blobStore.entries(account.id)) if (!isReferred(entry.id)) found.push(entry);
    found.sort((a, b) => b.storedAt - a.storedAt);
    const oldest = clock.now() - UNREFERENCED_KEPT_MS;
    let kept = 0;
    let deleted = 0;
    for (const [index, { id, sizeBytes, storedAt }] of found.entries()) {
      const isNewest = index === 0;
      if (storedAt >= oldest && (isNewest || kept + sizeBytes <= UNREFERENCED_BYTES_MAX)) kept += sizeBytes;
      // What was referred to while others were deleted stays.
      else if (!referencesOf(account)(id)) {
        await blobStore.delete(account.id, id);
        deleted++;
      }
    }
    this.#unreferenced.set(account.id, kept);
    if (deleted > 0) log.info({ account: account.id, deleted }, 'blobs that nothing referred to are gone');
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

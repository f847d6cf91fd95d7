/**
 * The client itself, on SQLite: everything that comes is verified (links, headers, signatures, body hashes) and stored. What
 * the load wrote is no OpenPGP, so nothing is decrypted: the vault has a bench of its own.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededPrng, SILENT_LOG } from '../src/base/index.ts';
import { SodiumSuite, SystemClock, ThreadedSignatureChecker } from '../src/base/system/index.ts';
import { Client, type Created, createAccount } from '../src/client/index.ts';
import { parseAddress } from '../src/protocol/index.ts';
import { SqliteStore } from '../src/store/sqlite/index.ts';
import { type BodyWorker, InThreadBodyWorker } from '../src/vault/index.ts';
import type { NodeProcess } from './node-process.ts';
import { dialer, random } from './people.ts';

const deps = {
  clock: new SystemClock(),
  log: SILENT_LOG,
  suite: new SodiumSuite(),
  prng: new SeededPrng(1),
  random,
  dialer,
};
const never = new AbortController().signal;

export class StoringClient implements AsyncDisposable {
  readonly created: Created;
  readonly #folder: string;
  readonly #nodeUrl: string;
  readonly #store: SqliteStore;

  private constructor(created: Created, folder: string, nodeUrl: string, store: SqliteStore) {
    this.created = created;
    this.#folder = folder;
    this.#nodeUrl = nodeUrl;
    this.#store = store;
  }

  /** An account of its own at the node, in a temporary folder. */
  static async open(node: NodeProcess, name: string): Promise<StoringClient> {
    const folder = await mkdtemp(join(tmpdir(), 'restante-client-'));
    const store = await SqliteStore.open(deps, { folder });
    const address = parseAddress(`${name}@${node.home}`);
    const account = { address, nodeUrl: node.url, password: 'a bench has no secrets', invite: '', deviceName: 'bench' };
    const created = await createAccount({ ...deps, store }, account, never);
    return new StoringClient(created, folder, node.url, store);
  }

  /**
   * Resolves when `count` entries have come, were verified and are on disk. With `isIndexing` what was stored is opened and
   * listed beside that, as in life; without, the vault holds still until then.
   */
  async receive(count: number, { isIndexing }: { readonly isIndexing: boolean }): Promise<number> {
    const done = new AbortController();
    await using signatures = new ThreadedSignatureChecker(deps.suite);
    await using client = await Client.open(
      {
        ...deps,
        signatures,
        store: this.#store,
        openVault: async (secrets) => {
          const worker = new InThreadBodyWorker(deps, { secrets });
          return isIndexing ? worker : holdUntil(done.signal, worker);
        },
        saveProfile: async () => undefined,
      },
      { profile: this.created.profile, nodeUrl: this.#nodeUrl, autoConnect: true },
    );
    await client.connect(never);
    const stopped = new AbortController();
    await new Promise<void>((resolve, reject) => {
      const onProgress = ({ received }: { readonly received: number }): void => {
        if (received >= count) resolve();
      };
      client.sync({ signal: stopped.signal, onProgress }).then(() => resolve(), reject);
    });
    stopped.abort();
    done.abort();
    return count;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#store[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** A vault that opens nothing before the signal. */
function holdUntil(signal: AbortSignal, worker: BodyWorker): BodyWorker {
  const released = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  return {
    parallelism: worker.parallelism,
    seal: (job, abort) => worker.seal(job, abort),
    open: async (job, abort) => {
      await released;
      return worker.open(job, abort);
    },
    read: (mime, charactersMax, abort) => worker.read(mime, charactersMax, abort),
    [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
  };
}

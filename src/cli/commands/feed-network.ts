/** `feed serve` and `feed clone`: feeds and drives between peers, over TCP. */
import { type Command, InvalidArgumentError } from 'commander';
import {
  type FeedLog,
  type FollowedDrive,
  followDrive,
  formatFeedKey,
  parseFeedKey,
  Synchronizer,
} from '../../feed/index.ts';
import {
  createSodiumStreamCipher,
  FeedFolder,
  FolderFeedStore,
  parsePeerAddress,
  TcpDialer,
  TcpListener,
} from '../../feed/node/index.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { FEED_PEERS_WAIT_MS, FEED_PROGRESS_INTERVAL_MS, FEED_STATUS_INTERVAL_MS } from '../limits.ts';
import { namesOption, portOption, withExamples } from '../options.ts';
import { showBytes, showCount } from '../terminal/figures.ts';

interface ServeOptions {
  readonly host: string;
  readonly port: number;
  readonly allow?: readonly string[];
}

interface CloneOptions {
  readonly peer: readonly string[];
  readonly live?: boolean;
  readonly range?: Range;
}

interface Range {
  readonly from: number;
  /** Not in it. */
  readonly to: number;
}

export function addFeedNetwork(feed: Command, act: Act): void {
  withExamples(
    feed
      .command('serve')
      .description('Answer peers over TCP, until Ctrl-C. Whoever knows the key can read the feed.')
      .argument('<dirs...>', 'folders with feeds')
      .option('--host <address>', 'where to listen', '127.0.0.1')
      .option('--port <port>', 'which port; 0 takes a free one', portOption, 3282)
      .option('--allow <address>', 'only peers from this IP address; may stand several times', namesOption)
      .action(act(serve)),
    'restante feed serve notes --host 0.0.0.0',
  );
  withExamples(
    feed
      .command('clone')
      .description('Copy a feed or a drive from peers, each block proven. Goes on where it stopped.')
      .argument('<key>', "the feed's key")
      .argument('<dir>', 'where to keep it')
      .requiredOption('--peer <host:port>', 'who has it; may stand several times', peerOption)
      .option('--live', 'stay, and copy what is added')
      .option('--range <A-B>', 'only the blocks from A to B', rangeOption)
      .action(act(clone)),
    'restante feed clone 4f2c… copy --peer 192.0.2.7:3282',
  );
}

function peerOption(text: string, before: readonly string[] = []): readonly string[] {
  parsePeerAddress(text);
  return [...before, text];
}

function rangeOption(text: string): Range {
  const [, first, last] = /^(\d+)-(\d+)$/.exec(text) ?? [];
  const [from, to] = [Number(first), Number(last) + 1];
  if (!Number.isSafeInteger(from) || !Number.isSafeInteger(to) || from >= to)
    throw new InvalidArgumentError('A range is like 0-99: both are in it.');
  return { from, to };
}

async function serve(context: Context, options: ServeOptions, dirs: readonly string[]): Promise<void> {
  const { random, suite } = context.deps;
  await using folders = new FolderFeedStore();
  for (const dir of dirs) await folders.add(FeedFolder.open({ suite, random, log: context.log }, context.pathOf(dir)));
  await using synchronizer = openSynchronizer(context, folders);
  for (const log of folders.logs) synchronizer.addFeed(log, { live: true, sparse: false });
  await using listener = await TcpListener.open({
    host: options.host,
    port: options.port,
    ...(options.allow === undefined ? {} : { allowed: new Set(options.allow) }),
    onPeer: (transport) => void synchronizer.addPeer(transport, { isInitiator: false }),
  });
  context.interruption.expectEnd();
  const keys = folders.folders.map(({ feed }) => formatFeedKey(feed.publicKey));
  context.output.result({ ready: true, port: listener.port, key: keys[0], keys }, () => [
    `Serving on ${options.host}:${listener.port}:`,
    ...keys.map((key) => `  ${key}`),
  ]);
  await sayStatus(context, synchronizer);
}

/** How it stands, on stderr, whenever that changes, until the signal. */
async function sayStatus({ deps, output, signal }: Context, synchronizer: Synchronizer): Promise<void> {
  for (let said = statusLine(synchronizer); !signal.aborted; ) {
    await deps.clock.sleep(FEED_STATUS_INTERVAL_MS, signal).catch(() => undefined); // the signal ends it
    const line = statusLine(synchronizer);
    if (line !== said && !signal.aborted) output.note(line);
    said = line;
  }
}

function statusLine(synchronizer: Synchronizer): string {
  const { feeds, peers } = synchronizer.status();
  const served = feeds.map(({ feed, isFrozen, length, peers: count }) => {
    const state = isFrozen ? ', two histories: not served' : '';
    return `${feed.slice(0, 8)}… ${showCount(length)} blocks to ${count}${state}`;
  });
  return `${peers.length === 1 ? '1 peer' : `${peers.length} peers`}: ${served.join('; ')}`;
}

async function clone(context: Context, options: CloneOptions, keyText: string, dir: string): Promise<void> {
  const { random, suite } = context.deps;
  const deps = { suite, random, log: context.log };
  await using folders = new FolderFeedStore();
  const folder = await folders.add(FeedFolder.copy(deps, context.pathOf(dir), parseFeedKey(keyText)));
  await using synchronizer = openSynchronizer(context, folders);
  const run = new CloneRun(context, synchronizer, folder, options);
  await run.finish();
  const { feed, content } = folder;
  const bytes = feed.byteLength + (content?.byteLength ?? 0);
  const fields = { key: formatFeedKey(feed.publicKey), length: feed.length, have: feed.heldCount, bytes };
  context.output.result(fields, () => [
    `key     ${fields.key}`,
    `blocks  ${showCount(fields.have)} of ${showCount(feed.length)}, ${showBytes(bytes)}`,
  ]);
}

function openSynchronizer(context: Context, store: FolderFeedStore): Synchronizer {
  const { clock, random } = context.deps;
  return new Synchronizer({
    clock,
    random,
    createCipher: createSodiumStreamCipher,
    store,
    log: context.log,
    dialer: new TcpDialer({ clock }),
  });
}

/** The mode flags of the seed: a feed alone, or a drive, whose first block names the other half. */
class CloneRun {
  readonly #context: Context;
  readonly #synchronizer: Synchronizer;
  readonly #folder: FeedFolder;
  readonly #options: CloneOptions;
  #failure: unknown;

  constructor(context: Context, synchronizer: Synchronizer, folder: FeedFolder, options: CloneOptions) {
    this.#context = context;
    this.#synchronizer = synchronizer;
    this.#folder = folder;
    this.#options = options;
  }

  async finish(): Promise<void> {
    const { output, signal, deps, interruption } = this.#context;
    const { live = false, range, peer } = this.#options;
    const { feed } = this.#folder;
    using bar = output.progress({ label: 'Copying', unit: 'items' });
    using _ = this.#synchronizer.events.on('forked', () =>
      output.warn('the feed has two histories: nothing more is copied'),
    );
    using following = this.#follow();
    if (range !== undefined) this.#synchronizer.want(feed.id, range.from, range.to);
    this.#synchronizer.addAddresses(peer);
    if (live) interruption.expectEnd();
    const startedAt = deps.clock.monotonic();
    while (live || !this.#isComplete(following)) {
      await deps.clock.sleep(FEED_PROGRESS_INTERVAL_MS, signal);
      bar.update(this.#progress());
      this.#assertReached(deps.clock.monotonic() - startedAt);
    }
    bar.update(this.#progress());
  }

  #isComplete(following: FollowedDrive): boolean {
    const { feed, content } = this.#folder;
    if (this.#failure !== undefined) throw this.#failure;
    if (feed.fork !== undefined) return true;
    if (!following.isDecided || !this.#synchronizer.isComplete(feed.id)) return false;
    return content === undefined || this.#synchronizer.isComplete(content.id);
  }

  /** A drive's content is copied as soon as it is known, unless only some blocks were asked for. */
  #follow(): FollowedDrive {
    const { feed, store } = this.#folder;
    const { live = false, range } = this.#options;
    if (range !== undefined) {
      this.#synchronizer.addFeed(feed, { live, sparse: true });
      return { isDecided: true, [Symbol.dispose]: () => {} };
    }
    const openContent = (key: Uint8Array): Promise<FeedLog> => this.#folder.openContent(key);
    const onError = (error: unknown): void => {
      this.#failure ??= error;
    };
    const host = { metadata: feed, reader: store, openContent };
    return followDrive(this.#synchronizer, host, { live, sparse: false, onError });
  }

  #progress(): { readonly done: number; readonly total: number | undefined; readonly note: string } {
    const { feed, content } = this.#folder;
    const { range } = this.#options;
    const { peers } = this.#synchronizer.status();
    const total = range === undefined ? feed.length + (content?.length ?? 0) : range.to - range.from;
    return {
      done: feed.heldCount + (content?.heldCount ?? 0),
      total: feed.length === 0 ? undefined : total,
      note: `${peers.length} of ${this.#options.peer.length} peers`,
    };
  }

  #assertReached(waitedMs: number): void {
    const { peers } = this.#synchronizer.status();
    if (this.#options.live || peers.length > 0 || waitedMs < FEED_PEERS_WAIT_MS) return;
    throw new CliError('unreachable', 'no peer answers, or none has this feed', {
      fix: 'Check the key and the addresses. The same command goes on from here.',
      retry: 'later',
    });
  }
}

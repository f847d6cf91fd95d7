/** `feed …`: feeds and drives of one's own, and copies of others'. They work alone, without an account. */
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { toBase64, toHex } from '../../base/index.ts';
import { Drive, type FeedLog, formatFeedKey } from '../../feed/index.ts';
import { checkoutFolder, FeedFolder, type FolderProgress, shareFolder } from '../../feed/node/index.ts';
import { CliError, Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { countOption, withExamples } from '../options.ts';
import { counted, showBytes, showCount } from '../terminal/figures.ts';
import { addFeedNetwork } from './feed-network.ts';

const FEEDS = 'Feeds:';

export function addFeed(program: Command, act: Act): void {
  const feed = program
    .command('feed')
    .helpGroup(FEEDS)
    .description('Signed logs and shared folders, copied between peers (Dat).');
  const on = (usage: string, description: string, ...examples: readonly string[]): Command =>
    withExamples(feed.command(usage).description(description), ...examples);
  on('create <dir>', 'Begin a feed of your own.', 'restante feed create notes').action(act(create));
  on(
    'append <dir> [files...]',
    'Add blocks: each file is one; without files, what stdin has.',
    'restante feed append notes today.txt',
  ).action(act(append));
  on('info <dir>', 'Show what is held.', 'restante feed info notes').action(act(info));
  on('cat <dir>', 'Write a block to stdout.', 'restante feed cat notes 0')
    .argument('<index>', 'which block, from 0', countOption)
    .action(act(cat));
  on('verify <dir>', 'Check every hash and signature.', 'restante feed verify notes').action(act(verify));
  on(
    'share <folder> <dir>',
    'Make a drive of a folder, or add what has changed.',
    'restante feed share photos photos.feed',
  ).action(act(share));
  on(
    'checkout <dir> <folder>',
    'Write the files of a drive into a folder.',
    'restante feed checkout photos.feed photos',
  ).action(act(checkout));
  addFeedNetwork(feed, act);
}

function openFeedFolder(context: Context, dir: string): Promise<FeedFolder> {
  const { suite, random } = context.deps;
  return FeedFolder.open({ suite, random, log: context.log }, context.pathOf(dir));
}

async function create(context: Context, _options: object, dir: string): Promise<void> {
  const { suite, random } = context.deps;
  await using folder = await FeedFolder.create({ suite, random, log: context.log }, context.pathOf(dir));
  tell(context, folder.feed);
}

async function append(context: Context, _options: object, dir: string, files: readonly string[]): Promise<void> {
  await using folder = await openFeedFolder(context, dir);
  const blocks =
    files.length === 0
      ? [await readAll(context.streams.stdin)]
      : await Promise.all(files.map(async (file) => new Uint8Array(await readFile(context.pathOf(file)))));
  await folder.store.transact((transaction) => folder.feed.append(transaction, blocks));
  tell(context, folder.feed);
}

function tell(context: Context, log: FeedLog): void {
  const fields = { key: formatFeedKey(log.publicKey), discoveryKey: toHex(log.discoveryKey), length: log.length };
  context.output.result(fields, () => [`key     ${fields.key}`, `length  ${showCount(log.length)}`]);
}

async function readAll(stdin: Context['streams']['stdin']): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as Buffer));
  return new Uint8Array(Buffer.concat(chunks));
}

async function info(context: Context, _options: object, dir: string): Promise<void> {
  await using folder = await openFeedFolder(context, dir);
  const { feed, content } = folder;
  const have = feed.heldCount;
  const fields = {
    key: formatFeedKey(feed.publicKey),
    discoveryKey: toHex(feed.discoveryKey),
    length: feed.length,
    have,
    bytes: feed.byteLength,
    writable: feed.isWritable,
    content:
      content === undefined
        ? null
        : { key: formatFeedKey(content.publicKey), length: content.length, have: content.heldCount },
    fork: feed.fork === undefined ? null : { lengths: feed.fork.lengths, node: feed.fork.sides[0].node.index },
    ok: feed.fork === undefined,
  };
  context.output.result(fields, (paint) => [
    `key     ${fields.key}`,
    `blocks  ${showCount(have)} of ${showCount(feed.length)}, ${showBytes(feed.byteLength)}${feed.isWritable ? ', written here' : ''}`,
    ...(fields.content === null
      ? []
      : [`content ${showCount(fields.content.have)} of ${showCount(fields.content.length)} blocks`]),
    ...(feed.fork === undefined
      ? []
      : [
          `${paint.bad('forked')}: its key has signed two histories, of ${feed.fork.lengths.join(' and ')} blocks. Trust neither.`,
        ]),
  ]);
  if (!fields.ok) throw new Unsuccessful();
}

async function cat(context: Context, _options: object, dir: string, index: number): Promise<void> {
  await using folder = await openFeedFolder(context, dir);
  const block = await folder.feed.getBlock(folder.store, index);
  if (block === undefined)
    throw new CliError('not_found', `block ${index} is not here`, {
      fix: 'Copy it with `restante feed clone … --range`.',
    });
  if (context.output.json) context.output.result({ index, base64: toBase64(block) }, () => []);
  else await context.output.raw(block);
}

async function verify(context: Context, _options: object, dir: string): Promise<void> {
  await using folder = await openFeedFolder(context, dir);
  using bar = context.output.progress({ label: 'Checking', unit: 'items' });
  const problems: { code: string; index: number; message: string }[] = [];
  for (const log of [folder.feed, folder.content]) {
    if (log === undefined) continue;
    const onProgress = (done: number, total: number): void => bar.update({ done, total });
    for await (const problem of log.verifyAll(folder.store, { signal: context.signal, onProgress }))
      problems.push(problem);
  }
  const { feed } = folder;
  const ok = problems.length === 0;
  const fields = { key: formatFeedKey(feed.publicKey), length: feed.length, have: feed.heldCount, ok, problems };
  context.output.result(fields, (paint) => [
    ok
      ? `${paint.good('ok')}: every hash and signature is right.`
      : `${paint.bad('damaged')}: ${counted(problems.length, 'problem')}.`,
    ...problems.map(({ code, message }) => `  ${paint.warn(code)}  ${message}`),
  ]);
  if (!ok) throw new Unsuccessful();
}

async function share(context: Context, _options: object, source: string, dir: string): Promise<void> {
  await using folder = await openOrCreate(context, dir);
  const content = folder.content ?? (await folder.createContent());
  if (!folder.feed.isWritable || !content.isWritable)
    throw new CliError('not_confirmed', `${dir} is a copy of somebody's drive`, { fix: 'Share into another folder.' });
  const drive = await Drive.open(folder.store, { metadata: folder.feed, content });
  using bar = context.output.progress({ label: 'Sharing', unit: 'bytes' });
  const onProgress = ({ bytes, files }: FolderProgress): void =>
    bar.update({ done: bytes, note: counted(files, 'file') });
  const options = { signal: context.signal, onProgress };
  tellFiles(context, folder.feed, await shareFolder(folder.store, drive, context.pathOf(source), options));
}

async function openOrCreate(context: Context, dir: string): Promise<FeedFolder> {
  const { suite, random } = context.deps;
  const [deps, path] = [{ suite, random, log: context.log }, context.pathOf(dir)];
  return (await FeedFolder.exists(path)) ? FeedFolder.open(deps, path) : FeedFolder.create(deps, path);
}

async function checkout(context: Context, _options: object, dir: string, target: string): Promise<void> {
  await using folder = await openFeedFolder(context, dir);
  if (folder.content === undefined)
    throw new CliError('not_found', `${dir} is no drive, or none of it is here`, {
      fix: 'Copy it with `restante feed clone`.',
    });
  const drive = await Drive.open(folder.store, { metadata: folder.feed, content: folder.content });
  using bar = context.output.progress({ label: 'Writing', unit: 'bytes' });
  const total = [...drive.files.values()].reduce((sum, { size }) => sum + size, 0);
  const onProgress = ({ bytes, files }: FolderProgress): void =>
    bar.update({ done: bytes, total, note: counted(files, 'file') });
  const options = { signal: context.signal, onProgress };
  tellFiles(context, folder.feed, await checkoutFolder(folder.store, drive, context.pathOf(target), options));
}

function tellFiles(context: Context, feed: FeedLog, { files, bytes }: FolderProgress): void {
  const fields = { key: formatFeedKey(feed.publicKey), files, bytes };
  context.output.result(fields, () => [`key    ${fields.key}`, `files  ${showCount(files)}, ${showBytes(bytes)}`]);
}

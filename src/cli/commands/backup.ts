/** `backup` and `restore`: a whole server, into a folder and back. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CheckResult } from '../../node/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator, dataFolderOf, loadNode } from '../server.ts';
import { showBytes } from '../terminal/figures.ts';
import { describeCheck } from './verify.ts';

export function addBackup(program: Command, act: Act): void {
  const backup = program
    .command('backup')
    .description('Copy the whole server into an empty folder, also while it runs.')
    .argument('<dir>', 'an empty or new folder');
  withExamples(forServer(backup).action(act(runBackup)), 'restante backup /backups/monday');
  const restore = program
    .command('restore')
    .description('Make a server of a backup. It begins a new feed; what came after the backup, clients give back.')
    .argument('<dir>', 'what `restante backup` wrote');
  withExamples(forServer(restore).action(act(runRestore)), 'restante restore /backups/monday --data /srv/restante');
}

async function runBackup(context: Context, options: ServerOptions, dir: string): Promise<void> {
  const to = resolve(dir); // the running node may have another working folder
  const { bytes } = await asOperator(context, options, (operator) => operator.backup(to));
  const checked = await checkCopy(context, to);
  context.output.result({ ...checked, path: to, bytes }, (paint) => [
    `${showBytes(bytes)} are in ${to}.`,
    ...describeCheck(checked, paint),
  ]);
  if (!checked.ok) throw new Unsuccessful();
}

/** A copy that nobody has read is a hope: this one is checked as `verify` would, in this process. */
async function checkCopy(context: Context, folder: string): Promise<CheckResult> {
  const { checkBackup } = await loadNode();
  using bar = context.output.progress({ label: 'Checking', unit: 'items' });
  return await checkBackup({ suite: context.deps.suite, log: context.log }, folder, {
    signal: context.signal,
    onProgress: ({ stage, done, total }) => bar.update({ done, total, note: stage }),
  });
}

async function runRestore(context: Context, options: ServerOptions, dir: string): Promise<void> {
  const to = dataFolderOf(context, options);
  const { restoreBackup } = await loadNode();
  const { home, bytes } = await restoreBackup(dir, to);
  const checked = await checkCopy(context, to);
  context.output.result({ ...checked, home, path: to, bytes }, (paint) => [
    `The home ${home} is restored in ${to} (${showBytes(bytes)}).`,
    ...describeCheck(checked, paint),
    'It begins a new feed when it starts. Stop the old one for good: the two are one home twice.',
  ]);
  if (!checked.ok) throw new Unsuccessful();
}

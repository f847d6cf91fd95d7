/** `backup` and `restore`: a whole server, into a folder and back. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator, dataFolderOf, loadNode } from '../server.ts';
import { showBytes } from '../terminal/figures.ts';

/** A copy is as good as what it was made of, which `verify` checks: nothing was looked at on the way. */
const COPIED = Object.freeze({ ok: true, checked: 0, problems: [] });

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
  context.output.result({ ...COPIED, path: to, bytes }, () => `${showBytes(bytes)} are in ${to}.`);
}

async function runRestore(context: Context, options: ServerOptions, dir: string): Promise<void> {
  const to = dataFolderOf(context, options);
  const { restoreBackup } = await loadNode();
  const { home, bytes } = await restoreBackup(dir, to);
  context.output.result({ ...COPIED, home, path: to, bytes }, () => [
    `The home ${home} is restored in ${to} (${showBytes(bytes)}).`,
    'It begins a new feed when it starts. Stop the old one for good: the two are one home twice.',
  ]);
}

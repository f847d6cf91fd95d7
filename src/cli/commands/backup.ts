/** `backup` and `restore`: a whole server or one account, into a folder and back. */

import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { CheckedBackup, CheckResult } from '../../node/index.ts';
import type { Address } from '../../protocol/index.ts';
import { CliError, Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { addressArgument, forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator, dataFolderOf, loadNode } from '../server.ts';
import { counted, showBytes } from '../terminal/figures.ts';
import { describeCheck } from './verify.ts';

export function addBackup(program: Command, act: Act): void {
  const backup = program
    .command('backup')
    .description('Copy the whole server into an empty folder, also while it runs.')
    .argument('<dir>', 'an empty or new folder');
  withExamples(
    forServer(backup)
      .option('--account <address>', 'this account alone: its chain, its vault record, its mail', addressArgument)
      .action(act(runBackup)),
    'restante backup /backups/monday',
    'restante backup /backups/alice --account alice@home.example',
  );
  const restore = program
    .command('restore')
    .description('Make a server of a backup. It begins a new feed; what came after the backup, clients give back.')
    .argument('<dir>', 'what `restante backup` wrote');
  withExamples(
    forServer(restore)
      .option('--account <address>', 'give this account back to the home that is there', addressArgument)
      .action(act(runRestore)),
    'restante restore /backups/monday --data /srv/restante',
    'restante restore /backups/alice --account alice@home.example',
  );
}

interface BackupOptions extends ServerOptions {
  readonly account?: Address;
}

async function runBackup(context: Context, options: BackupOptions, dir: string): Promise<void> {
  const to = resolve(dir); // the running node may have another working folder
  const { account } = options;
  if (account !== undefined) return backUpAccount(context, options, to, account);
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

async function backUpAccount(context: Context, options: ServerOptions, to: string, account: Address): Promise<void> {
  const { bytes } = await asOperator(context, options, (operator) => operator.backup(to, account));
  const { checkAccountBackup } = await loadNode();
  const checked = await checkAccountBackup(context.deps.suite, to);
  context.output.result({ ...checked, path: to, bytes }, (paint) => [
    `${counted(checked.entries, 'entry', 'entries')} of ${account} (${showBytes(bytes)}) are in ${to}.`,
    ...describeLacking(checked),
    ...describeCheck(checked, paint),
  ]);
  if (!checked.ok) throw new Unsuccessful();
}

function describeLacking({ lacking }: CheckedBackup): string[] {
  if (lacking === 0) return [];
  return [`${counted(lacking, 'mail')} without all of the attachments: this node did not have them.`];
}

/** A backup of somebody else is refused before anything is given back. */
async function restoreAccount(context: Context, options: ServerOptions, from: string, account: Address): Promise<void> {
  const { checkAccountBackup } = await loadNode();
  const { address } = await checkAccountBackup(context.deps.suite, from);
  if (address !== account)
    throw new CliError('wrong_account', `${from} is the backup of ${address}, not of ${account}`, {
      fix: `Give --account ${address}, or another folder.`,
    });
  const checked = await asOperator(context, options, (operator) => operator.restoreAccount(from));
  context.output.result({ ...checked, path: from }, (paint) => [
    `${counted(checked.entries, 'entry', 'entries')} of ${account} are here again; what was here already stayed as it was.`,
    ...describeLacking(checked),
    ...describeCheck(checked, paint),
  ]);
}

async function runRestore(context: Context, options: BackupOptions, dir: string): Promise<void> {
  const { account } = options;
  if (account !== undefined) return restoreAccount(context, options, resolve(dir), account);
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

/** The commands on a home. */
import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { addAccountOperator, addAccountRemove } from './account-list.ts';
import { addBackup } from './backup.ts';
import { addInvite } from './invite.ts';
import { addStatus } from './status.ts';
import { addUp } from './up.ts';
import { addVerify } from './verify.ts';

export function addServerCommands(program: Command, act: Act): void {
  addUp(program, act);
  addInvite(program, act);
  addStatus(program, act);
  addBackup(program, act);
  const account = program.command('account').description('x');
  addAccountOperator(account, act);
  addAccountRemove(account, act);
  addVerify(program, act);
}

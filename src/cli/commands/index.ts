/** Every command, in the order of the help. */
import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { DEVICE } from '../options.ts';
import { addAccountSetup } from './account.ts';
import { addAccountOperator, addAccountRemove } from './account-list.ts';
import { addBackup } from './backup.ts';
import { addInvite } from './invite.ts';
import { addStatus } from './status.ts';
import { addUnlock } from './unlock.ts';
import { addUp } from './up.ts';
import { addVerify } from './verify.ts';

export function addCommands(program: Command, act: Act): void {
  const account = program.command('account').helpGroup(DEVICE).description('Make, join and manage accounts.');
  addAccountSetup(account, act);
  addAccountOperator(account, act);
  addAccountRemove(account, act);
  addUnlock(program, act);
  addUp(program, act);
  addInvite(program, act);
  addStatus(program, act);
  addBackup(program, act);
  addVerify(program, act);
}

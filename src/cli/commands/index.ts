/** Every command, in the order of the help. */
import type { Command } from 'commander';
import type { Act } from '../context.ts';
import { DEVICE } from '../options.ts';
import { addAccountSetup } from './account.ts';
import { addAccountChange } from './account-change.ts';
import { addAccountOperator, addAccountRemove } from './account-list.ts';
import { addBackup } from './backup.ts';
import { addConversation } from './conversation.ts';
import { addExport } from './export.ts';
import { addImport } from './import.ts';
import { addInvite } from './invite.ts';
import { addDevice, addKey } from './key.ts';
import { addList } from './list.ts';
import { addBlock, addMark } from './mark.ts';
import { addNodes } from './nodes.ts';
import { addRead } from './read.ts';
import { addSend } from './send.ts';
import { addStatus } from './status.ts';
import { addSync } from './sync.ts';
import { addUnlock } from './unlock.ts';
import { addUp } from './up.ts';
import { addVerify } from './verify.ts';

export function addCommands(program: Command, act: Act): void {
  addSend(program, act);
  addSync(program, act);
  addList(program, act);
  addRead(program, act);
  addMark(program, act);
  addConversation(program, act);
  addBlock(program, act);
  addImport(program, act);
  addExport(program, act);
  const account = program.command('account').helpGroup(DEVICE).description('Make, join and manage accounts.');
  addAccountSetup(account, act);
  addAccountChange(account, act);
  addAccountOperator(account, act);
  addAccountRemove(account, act);
  addUnlock(program, act);
  addKey(program, act);
  addDevice(program, act);
  addNodes(program, act);
  addUp(program, act);
  addInvite(program, act);
  addStatus(program, act);
  addBackup(program, act);
  addVerify(program, act);
}

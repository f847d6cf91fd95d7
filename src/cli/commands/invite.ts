/** `invite`: a code with which one person may make an account. */
import type { Command } from 'commander';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';

export function addInvite(program: Command, act: Act): void {
  const command = program.command('invite').description('Make an invitation code, good for one account.');
  withExamples(forServer(command).action(act(run)), 'restante invite');
}

async function run(context: Context, options: ServerOptions): Promise<void> {
  const invite = await asOperator(context, options, (operator) => operator.invite());
  context.output.result({ invite }, () => invite);
}

/** `verify` and `repair`: every block against the tree and every view against the feeds; and mending what differs. */
import type { Command } from 'commander';
import type { CheckResult, Operator } from '../../node/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { counted, showCount } from '../terminal/figures.ts';

export function addVerify(program: Command, act: Act): void {
  const verify = program
    .command('verify')
    .description('Check every block against its tree and every view against the feeds. Changes nothing.');
  withExamples(forServer(verify).action(act(checker('verify'))), 'restante verify');
  const repair = program.command('repair').description('Make the views anew from the feeds, then check everything.');
  withExamples(forServer(repair).action(act(checker('repair'))), 'restante repair');
}

function checker(method: 'verify' | 'repair') {
  return async (context: Context, options: ServerOptions): Promise<void> => {
    const result = await asOperator(context, options, (operator) => check(context, operator, method));
    context.output.result(result, (paint) => [
      result.ok
        ? `${paint.good('ok')}: ${counted(result.checked, 'block and row', 'blocks and rows')} checked, none is wrong.`
        : `${paint.bad('damaged')}: ${counted(result.problems.length, 'problem')} in ${showCount(result.checked)} blocks and rows.`,
      ...result.problems.map(({ code, where, message }) => `  ${paint.warn(code)}  ${where}  ${message}`),
    ]);
    if (!result.ok) throw new Unsuccessful();
  };
}

async function check(context: Context, operator: Operator, method: 'verify' | 'repair'): Promise<CheckResult> {
  using bar = context.output.progress({ label: method === 'verify' ? 'Checking' : 'Repairing', unit: 'items' });
  return operator[method]({
    signal: context.signal,
    onProgress: ({ stage, done, total }) => bar.update({ done, total, note: stage }),
  });
}

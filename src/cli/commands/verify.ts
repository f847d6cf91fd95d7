/** `verify` and `repair`: every block against the tree and every view against the feeds; and mending what differs. */
import type { Command } from 'commander';
import type { CheckResult, Operator } from '../../node/index.ts';
import type { Address } from '../../protocol/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { addressArgument, forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { counted, showCount } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';

export function addVerify(program: Command, act: Act): void {
  const verify = program
    .command('verify')
    .description('Check every block against its tree and every view against the feeds. Changes nothing.');
  withExamples(
    ofAccount(forServer(verify)).action(act(checker('verify'))),
    'restante verify',
    'restante verify --account alice@home.example',
  );
  const repair = program.command('repair').description('Make the views anew from the feeds, then check everything.');
  withExamples(ofAccount(forServer(repair)).action(act(checker('repair'))), 'restante repair');
}

interface CheckedOptions extends ServerOptions {
  readonly account?: Address;
}

function ofAccount(command: Command): Command {
  return command.option('--account <address>', 'this account alone: its blocks and its views', addressArgument);
}

function checker(method: 'verify' | 'repair') {
  return async (context: Context, options: CheckedOptions): Promise<void> => {
    const result = await asOperator(context, options, (operator) => check(context, options, operator, method));
    context.output.result(result, (paint) => describeCheck(result, paint));
    if (!result.ok) throw new Unsuccessful();
  };
}

/** For people: what was checked, and each thing that is wrong. */
export function describeCheck(result: CheckResult, paint: Paint): string[] {
  return [
    result.ok
      ? `${paint.good('ok')}: ${counted(result.checked, 'block and row', 'blocks and rows')} checked, none is wrong.`
      : `${paint.bad('damaged')}: ${counted(result.problems.length, 'problem')} in ${showCount(result.checked)} blocks and rows.`,
    ...result.problems.map(({ code, where, message }) => `  ${paint.warn(code)}  ${where}  ${message}`),
  ];
}

async function check(
  context: Context,
  { account }: CheckedOptions,
  operator: Operator,
  method: 'verify' | 'repair',
): Promise<CheckResult> {
  using bar = context.output.progress({ label: method === 'verify' ? 'Checking' : 'Repairing', unit: 'items' });
  return operator[method]({
    signal: context.signal,
    ...(account === undefined ? {} : { account }),
    onProgress: ({ stage, done, total }) => bar.update({ done, total, note: stage }),
  });
}

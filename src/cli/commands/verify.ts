/** `verify` and `repair`: every block against the tree and every view against the feeds; and mending what differs. */
import type { Command } from 'commander';
import type { CheckOptions, CheckResult, Problem, RepairResult } from '../../node/index.ts';
import type { Address } from '../../protocol/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { addressArgument, forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator, loadNode } from '../server.ts';
import { counted, showCount } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';

export function addVerify(program: Command, act: Act): void {
  const verify = program
    .command('verify')
    .description('Check every block against its tree and every view against the feeds. Changes nothing.');
  withExamples(
    ofAccount(forServer(verify)).action(act(verifyHome)),
    'restante verify',
    'restante verify --account alice@home.example',
  );
  const repair = program
    .command('repair')
    .description(
      'Mend what verify finds: trees and views from the feeds, blocks from the other nodes of the home while the node runs, ' +
        'the database while it does not. What is right stays as it is.',
    );
  withExamples(ofAccount(forServer(repair)).action(act(repairHome)), 'restante repair');
}

interface CheckedOptions extends ServerOptions {
  readonly account?: Address;
}

function ofAccount(command: Command): Command {
  return command.option('--account <address>', 'this account alone: its blocks and its views', addressArgument);
}

async function verifyHome(context: Context, options: CheckedOptions): Promise<void> {
  const result = await asOperator(context, options, (operator) =>
    shown(context, options, 'Checking', (check) => operator.verify(check)),
  );
  context.output.result(result, (paint) => describeCheck(result, paint));
  if (!result.ok) throw new Unsuccessful();
}

async function repairHome(context: Context, options: CheckedOptions): Promise<void> {
  let salvaged: readonly Problem[] = [];
  const { salvageFolder } = await loadNode();
  const repaired = await asOperator(
    context,
    options,
    (operator) => shown(context, options, 'Repairing', (check) => operator.repair(check)),
    async (folder) => {
      salvaged = await salvageFolder({ ...context.deps, log: context.log }, folder);
    },
  );
  const result = { ...repaired, mended: [...salvaged, ...repaired.mended] };
  context.output.result(result, (paint) => describeRepair(result, paint));
  if (!result.ok) throw new Unsuccessful();
}

/** For people: what was checked, and each thing that is wrong. */
export function describeCheck(result: CheckResult, paint: Paint): string[] {
  return [
    result.ok
      ? `${paint.good('ok')}: ${counted(result.checked, 'block and row', 'blocks and rows')} checked, none is wrong.`
      : `${paint.bad('damaged')}: ${counted(result.problems.length, 'problem')} in ${showCount(result.checked)} blocks and rows.`,
    ...result.problems.map(({ code, where, message }) => `  ${paint.warn(code)}  ${where}  ${message}`),
    // Once for all that it is to be done for.
    ...[...new Set(result.problems.map(({ fix }) => fix))].map((fix) => `  ${fix}`),
  ];
}

/** For people: what was mended, and how it is now. */
export function describeRepair(result: RepairResult, paint: Paint): string[] {
  return [
    ...result.mended.map(({ code, where, message }) => `${paint.good('mended')}: ${code}  ${where}  ${message}`),
    ...describeCheck(result, paint),
  ];
}

/** Shows how far it is until `work` is done. */
async function shown<Result>(
  context: Context,
  { account }: CheckedOptions,
  label: string,
  work: (options: CheckOptions) => Promise<Result>,
): Promise<Result> {
  using bar = context.output.progress({ label, unit: 'items' });
  return await work({
    signal: context.signal,
    ...(account === undefined ? {} : { account }),
    onProgress: ({ stage, done, total }) => bar.update({ done, total, note: stage }),
  });
}

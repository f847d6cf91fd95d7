/** How commands reach a home: by its running node, or by opening its folder. */
import { type NodeDeps, type Operator, withOperator } from '../node/index.ts';
import type { Context } from './context.ts';
import { serverFolder } from './folders.ts';
import { createLog } from './log.ts';
import type { ServerOptions } from './options.ts';

export function dataFolderOf(context: Context, options: ServerOptions): string {
  return options.data ?? serverFolder(context.platform);
}

export function nodeDeps(context: Context): NodeDeps {
  return { ...context.deps, log: context.log };
}

export function asOperator<Result>(
  context: Context,
  options: ServerOptions,
  work: (operator: Operator) => Promise<Result>,
): Promise<Result> {
  // Errors of a node opened for this command are said by the command; its log is for those who ask.
  const log = context.output.verbose ? createLog('debug') : context.log;
  return withOperator({ ...nodeDeps(context), log }, dataFolderOf(context, options), work);
}

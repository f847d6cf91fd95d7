/** How commands reach a home: by its running node, or by opening its folder. */
import type { Operator } from '../node/index.ts';
import { CliError } from './cli-error.ts';
import type { Context } from './context.ts';
import { serverFolder } from './folders.ts';
import type { ServerOptions } from './options.ts';

export function dataFolderOf(context: Context, options: ServerOptions): string {
  return options.data ?? serverFolder(context.platform);
}

/** Throws CliError `no_home`, and what the node throws. */
export async function asOperator<Result>(
  context: Context,
  options: ServerOptions,
  work: (operator: Operator) => Promise<Result>,
  /** What is done with the folder first where no node runs. */
  before: (folder: string) => Promise<void> = async () => undefined,
): Promise<Result> {
  const { readHomeConfig, withOperator } = await loadNode();
  const folder = dataFolderOf(context, options);
  if ((await readHomeConfig(folder)) === undefined)
    throw new CliError('no_home', `${folder} holds no home`, {
      fix: 'Start one with `restante up`, or name its folder with --data.',
    });
  return withOperator({ ...context.deps, log: context.log }, folder, work, () => before(folder));
}

/** The server's half of the program, loaded when it is used: a command starts in half the time without it. */
export function loadNode(): Promise<typeof import('../node/index.ts')> {
  return import('../node/index.ts');
}

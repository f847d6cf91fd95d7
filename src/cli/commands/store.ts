/** `store`: where a node keeps its rows, and moving them between its folder and a database. */
import type { Command } from 'commander';
import type { Act, Context } from '../context.ts';
import { databaseArgument, forServer, type ServerOptions, withExamples } from '../options.ts';
import { dataFolderOf, loadNode } from '../server.ts';
import { showBytes } from '../terminal/figures.ts';

export function addStore(program: Command, act: Act): void {
  const store = program.command('store').description('Where a node keeps its rows.');
  const move = store
    .command('move')
    .description('Move the rows of a node that does not run into a PostgreSQL database, or back into its folder.')
    .argument('[url]', 'of the database; without it: into the folder', databaseArgument);
  withExamples(
    forServer(move).action(act(runMove)),
    'restante store move postgres://restante:secret@db.example/restante',
    'restante store move',
  );
}

const STAGES = { copying: 'copied', comparing: 'compared' } as const;

async function runMove(context: Context, options: ServerOptions, url: string | undefined): Promise<void> {
  const { output, signal } = context;
  const { moveStore } = await loadNode();
  using bar = output.progress({ label: 'Moving', unit: 'bytes' });
  const { bytes } = await moveStore({ ...context.deps, log: context.log }, dataFolderOf(context, options), {
    url,
    signal,
    onProgress: (stage, done, total) => bar.update({ done, total, note: STAGES[stage] }),
  });
  output.result({ bytes, store: url === undefined ? 'folder' : 'database' }, () => [
    `${showBytes(bytes)} are ${url === undefined ? 'in the folder' : 'in the database'} now; where they were they are no more.`,
  ]);
}

/**
 * Compiles src/ to dist/ before a run: worker threads are loaded from there, since Node 20 cannot load TypeScript ones.
 * Type errors are printed and stop nothing here (the compiler emits all the same); `npm run check` is what refuses them.
 */
import { spawnSync } from 'node:child_process';

export default function build(): void {
  const result = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-b'], { encoding: 'utf8' });
  if (result.error !== undefined) throw result.error;
  if (result.status !== 0)
    process.stderr.write(`dist/ was built with type errors:\n${result.stdout}${result.stderr}\n`);
}

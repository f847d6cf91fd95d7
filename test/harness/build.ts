/**
 * Compiles src/ to dist/ before a run, and bundles the programs: worker threads are loaded from there, since Node 20 cannot
 * load TypeScript ones. Types are not looked at here, which would take three times as long: `npm run check` does.
 */
import { spawnSync } from 'node:child_process';

export default function build(): void {
  const compiled = run('node_modules/typescript/bin/tsc', '-b', 'tsconfig.build.json', '--noCheck');
  if (compiled.status !== 0) throw new Error(`src/ was not compiled:\n${compiled.said}`);
  const bundled = run('scripts/bundle.mjs');
  if (bundled.status !== 0) throw new Error(`the programs were not bundled:\n${bundled.said}`);
}

function run(...args: string[]): { status: number | null; said: string } {
  const { error, status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return { status, said: stdout + stderr };
}

/**
 * Where the code of a worker thread is: beside its caller once compiled. A `.ts` file does not load in a Worker on Node 20,
 * so a program that runs from its sources (tests) takes the compiled file under dist.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** `workerUrl('./x-worker.ts', import.meta.url)`. Throws when the sources run and were never compiled. */
export function workerUrl(relativePath: string, callerUrl: string): URL {
  const source = new URL(relativePath, callerUrl).href;
  if (!callerUrl.endsWith('.ts')) return new URL(source.replace(/\.ts$/, '.js'));
  const compiled = new URL(source.replace(/\/src\/(?!.*\/src\/)/, '/dist/').replace(/\.ts$/, '.js'));
  if (!existsSync(fileURLToPath(compiled)))
    throw new Error(`no compiled worker at ${fileURLToPath(compiled)}: compile the sources first (npx tsc -b)`);
  return compiled;
}

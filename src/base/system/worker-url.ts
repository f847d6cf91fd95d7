/**
 * Where what was built is, for a program that is built and for one that runs from its sources (tests): a `.ts` file does not
 * load in a Worker on Node 20.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * Given `import.meta.url` as the caller's: the code of a thread or a process. It is beside its caller once compiled; from
 * the sources it is the one in the bundle. scripts/bundle.mjs finds these calls, and puts the URL in its bundle in the place of each.
 * Throws when the sources run and were never built.
 */
export function workerUrl(relativePath: string, callerUrl: string): URL {
  const beside = builtUrl(relativePath.replace(/\.ts$/, '.js'), callerUrl);
  if (!callerUrl.endsWith('.ts')) return beside;
  const [folder, path] = beside.href.split(/\/dist\/(?!.*\/dist\/)/) as [string, string];
  const bundled = new URL(`${folder}/dist/bin/${path.replaceAll('/', '-')}`);
  if (!existsSync(fileURLToPath(bundled)))
    throw new Error(`nothing is built at ${fileURLToPath(bundled)}: build the program first (npm run build)`);
  return bundled;
}

/** What is built to a place of its own under dist/, beside what its caller is compiled to. */
export function builtUrl(relativePath: string, callerUrl: string): URL {
  const built = callerUrl.endsWith('.ts') ? callerUrl.replace(/\/src\/(?!.*\/src\/)/, '/dist/') : callerUrl;
  return new URL(relativePath, built);
}

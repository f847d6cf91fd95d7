/**
 * Removes from dist/ what no source makes any more: the compiler leaves the output of a file that was renamed or deleted,
 * and it would be packed. The page, the manual page and the bundle replace their own files.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

const dist = resolve('dist');
const others = [join(dist, 'web/'), join(dist, 'bin/')];
// Listed before the sources are: who compiles a new one meanwhile does not lose its output.
const written = readdirSync(dist, { recursive: true })
  .map((name) => join(dist, name))
  .filter((path) => /\.(js|d\.ts|map)$/.test(path) && !others.some((folder) => path.startsWith(folder)));

const made = outputs('tsconfig.build.json');
for (const path of written.filter((path) => !made.has(path))) {
  rmSync(path);
  console.log(`removed ${relative('.', path)}: no source makes it`);
}

/** Every file that the compiler writes for a project. */
function outputs(name) {
  const { config, error } = ts.readConfigFile(name, (path) => readFileSync(path, 'utf8'));
  if (error !== undefined) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, '\n'));
  const project = ts.parseJsonConfigFileContent(config, ts.sys, process.cwd(), undefined, resolve(name));
  return new Set(
    project.fileNames.flatMap((file) => ts.getOutputFileNames(project, file, false)).map((path) => resolve(path)),
  );
}

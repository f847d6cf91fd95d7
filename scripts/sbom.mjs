/**
 * Prints what people run as a CycloneDX document: the packages that are installed beside this one, by the lock file, and those
 * that are bundled into the page. Needs a built dist/.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;
const page = new URL('../dist/web/licenses.txt', import.meta.url);

const args = ['sbom', '--sbom-format', 'cyclonedx', '--sbom-type', 'application', '--package-lock-only'];
const document = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', maxBuffer: OUTPUT_BYTES_MAX }));
// Npm calls the project after its folder.
document.metadata.component.name = JSON.parse(readFileSync('package.json', 'utf8')).name;
// Not by `--omit dev`, which leaves out what both the program and a test need.
const isForDevelopment = ({ properties }) => properties.some(({ name }) => name === 'cdx:npm:package:development');
const installed = document.components.filter((each) => each.name !== 'web' && !isForDevelopment(each));
const gone = new Set(document.components.filter((each) => !installed.includes(each)).map((each) => each['bom-ref']));
document.components = [...installed, ...bundled()];
document.dependencies = document.dependencies
  .filter(({ ref }) => !gone.has(ref))
  .map((each) => ({ ...each, dependsOn: each.dependsOn.filter((ref) => !gone.has(ref)) }));
process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);

/** The bundler writes their licences under headings like `## svelte - 5.57.3 (MIT)`. */
function bundled() {
  const headings = readFileSync(page, 'utf8').matchAll(/^## (\S+) - (\S+)(?: \((.+)\))?$/gm);
  const known = new Set(installed.map((each) => each['bom-ref']));
  const found = [...headings].map(([, name, version, license]) => ({
    'bom-ref': `${name}@${version}`,
    type: 'library',
    name,
    version,
    scope: 'required',
    purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
    properties: [{ name: 'restante:bundled', value: 'page' }],
    ...(license === undefined ? {} : { licenses: [{ expression: license.replace(/^\((.*)\)$/, '$1') }] }),
  }));
  if (found.length === 0) throw new Error(`${page.pathname} names nothing that is bundled`);
  return found.filter((each) => !known.has(each['bom-ref']));
}

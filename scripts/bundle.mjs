/**
 * Bundles the program into dist/bin: its command line, and each process and thread that it starts, with the modules that
 * several of them share in files of their own. Node takes about a millisecond to find and link each module of dist/, and they
 * are 600 for any command, and again for each thread; these are few. What is installed from npm stays where it is, but for
 * what comes in as many pieces itself.
 *
 * Only what differs from the last time is written, and nothing is removed: a program that runs meanwhile finds its own files,
 * whole. With --prune, for the package, what an earlier bundle left goes too.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { rolldown } from 'rolldown';

const DIST = resolve('dist');
const BIN = join(DIST, 'bin');
const WORKER_URL = /\bworkerUrl\('([^']+)\.ts', import\.meta\.url\)/g;
const OWN_URL = new RegExp(`${WORKER_URL.source}|import\\.meta\\.url`, 'g');
/** Ninety files, half of them languages that it could complain in. */
const BUNDLED = ['zod'];
const NOT_OURS = ['bin', 'web'];

await bundle();

async function bundle() {
  const made = await rolldown({
    input: { restante: join(DIST, 'cli/main.js'), ...workerEntries() },
    platform: 'node',
    external: (id) => !/^[./]/.test(id) && !BUNDLED.includes(id),
    // A module of which nothing is used does nothing: only what starts a program acts when it is loaded.
    treeshake: { moduleSideEffects: false },
    plugins: [{ name: 'urls', transform: { filter: { code: 'import.meta.url' }, handler: withUrlsOfTheBundle } }],
  });
  const { output } = await made.generate({ format: 'esm', chunkFileNames: 'chunk-[name]-[hash].js', comments: false });
  await made.close();
  const files = new Map(output.map(({ fileName, code }) => [fileName, inLatin1(code)]));
  files.set('licenses.txt', BUNDLED.map(licenseOf).join('\n'));
  mkdirSync(BIN, { recursive: true });
  for (const [name, text] of files) replace(join(BIN, name), text);
  if (process.argv.includes('--prune')) prune(files);
  chmodSync(join(BIN, 'restante.js'), 0o755);
}

/** What is named by `workerUrl` somewhere: the name of its file in the bundle, and its file. */
function workerEntries() {
  const entries = {};
  for (const name of readdirSync(DIST, { recursive: true })) {
    if (!name.endsWith('.js') || NOT_OURS.includes(name.split('/')[0])) continue;
    const path = join(DIST, name);
    for (const [, worker] of readFileSync(path, 'utf8').matchAll(WORKER_URL))
      entries[nameInBundle(path, worker)] = join(dirname(path), `${worker}.js`);
  }
  return entries;
}

/** `hub-agents-imap-imap-worker`, as src/base/system/worker-url.ts expects it. */
function nameInBundle(path, worker) {
  return relative(DIST, join(dirname(path), worker)).replaceAll('/', '-');
}

/** A worker is beside its caller in the bundle; every other URL means the place that the module has in dist/. */
function withUrlsOfTheBundle(code, path) {
  return code.replaceAll(OWN_URL, (_, worker) =>
    worker === undefined
      ? `new URL('../${relative(DIST, path)}', import.meta.url).href`
      : `new URL('./${nameInBundle(path, worker)}.js', import.meta.url)`,
  );
}

/** Each thread holds the text of what it has loaded, and a single sign beyond Latin-1 makes every one of them two bytes. */
function inLatin1(code) {
  return code.replace(/[^\0-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function licenseOf(name) {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, 'utf8'));
  return `${name} ${version}\n\n${readFileSync(`node_modules/${name}/LICENSE`, 'utf8')}`;
}

function prune(current) {
  for (const name of readdirSync(BIN)) if (!current.has(name)) rmSync(join(BIN, name));
}

function replace(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

/** Builds the page into ../dist/web, with compressed copies beside what compresses; does nothing when nothing has changed. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const web = fileURLToPath(new URL('..', import.meta.url));
const out = fileURLToPath(new URL('../../dist/web', import.meta.url));
/** Of this process alone: two may build at once, and whoever reads the page meets a whole one. */
const staging = `${out}.${process.pid}`;
const STAMP = '.built-from';
/** Smaller ones gain nothing. */
const COMPRESSED_FROM_BYTES = 1_024;
const COMPRESSED = new Set(['.css', '.html', '.js', '.json', '.svg', '.webmanifest']);

const filesOf = (folder) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name, parentPath }) => join(parentPath, name))
    .sort();

function sourcesHash() {
  const hash = createHash('sha256');
  const tops = ['index.html', 'operator.html', 'package.json', 'vite.config.ts', '../package-lock.json'].map((name) =>
    join(web, name),
  );
  const sources = ['src', 'public', 'scripts'].flatMap((name) => filesOf(join(web, name)));
  for (const name of [...tops, ...sources]) hash.update(`${name.slice(web.length)}\n`).update(readFileSync(name));
  return hash.digest('hex');
}

function isBuilt(stamp) {
  try {
    return readFileSync(join(out, STAMP), 'utf8') === stamp;
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** The service worker keeps all of the page, so that what is loaded when it is needed is there without a network. */
function nameAssets() {
  const worker = join(staging, 'service-worker.js');
  const assets = filesOf(join(staging, 'assets')).map((name) => `/assets/${basename(name)}`);
  const name = createHash('sha256').update(assets.join()).digest('hex').slice(0, 12);
  const unbuilt = "{ name: 'unbuilt', assets: [] }";
  const source = readFileSync(worker, 'utf8');
  if (!source.includes(unbuilt)) throw new Error(`service-worker.js does not say ${unbuilt}`);
  writeFileSync(worker, source.replace(unbuilt, JSON.stringify({ name, assets })));
}

function compress(name) {
  const plain = readFileSync(name);
  if (!COMPRESSED.has(extname(name)) || plain.length < COMPRESSED_FROM_BYTES) return;
  writeFileSync(`${name}.gz`, gzipSync(plain, { level: 9 }));
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: plain.length };
  writeFileSync(`${name}.br`, brotliCompressSync(plain, { params }));
}

function takePlace() {
  rmSync(out, { recursive: true, force: true });
  try {
    renameSync(staging, out);
  } catch (error) {
    // Another build of the same has just taken it.
    if (error.code !== 'ENOTEMPTY' || !isBuilt(stamp)) throw error;
  }
}

// Whoever asks for it, tests too: Vite would build another page for another NODE_ENV, one without a service worker.
process.env.NODE_ENV = 'production';
const stamp = sourcesHash();
if (!isBuilt(stamp)) {
  // Loaded only when there is something to build: mostly there is not.
  const { build } = await import('vite');
  try {
    await build({ root: web, logLevel: 'warn', build: { outDir: staging, emptyOutDir: true } });
    nameAssets();
    for (const name of filesOf(staging)) compress(name);
    writeFileSync(join(staging, STAMP), stamp);
    takePlace();
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

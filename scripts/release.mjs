/** Makes what is handed out, in release/: the tarball, what is in it as a CycloneDX document, and the sums of both. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

rmSync('release', { recursive: true, force: true });
mkdirSync('release');
execFileSync('npm', ['pack', '--pack-destination', 'release'], { stdio: ['ignore', 'ignore', 'inherit'] });
const { name, version } = JSON.parse(readFileSync('package.json', 'utf8'));
const sbom = execFileSync(process.execPath, ['scripts/sbom.mjs'], { maxBuffer: OUTPUT_BYTES_MAX });
writeFileSync(`release/${name}-${version}.cdx.json`, sbom);
const files = readdirSync('release').sort();
const sums = files.map(
  (file) =>
    `${createHash('sha256')
      .update(readFileSync(`release/${file}`))
      .digest('hex')}  ${file}\n`,
);
writeFileSync('release/SHA256SUMS', sums.join(''));
console.log(['release:', ...files, 'SHA256SUMS'].join('\n  '));

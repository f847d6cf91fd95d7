/** The static checks, as many at once as there are cores; what each says comes whole, when it has ended. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';

// The longest first.
const CHECKS = ['check:types', 'check:web', 'check:dependencies', 'check:portable', 'check:format'];

const waiting = [...CHECKS];
const lane = async () => {
  for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
    const startedAt = performance.now();
    const { code, output } = await run(check);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    process.stdout.write(code === 0 ? `${check}: ok, ${seconds} s\n` : `${output}${check}: failed, ${seconds} s\n`);
    if (code !== 0) process.exitCode = 1;
  }
};
await Promise.all(Array.from({ length: availableParallelism() }, lane));

/** @param {string} check a script of package.json */
function run(check) {
  const child = spawn('npm', ['run', '--silent', check], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, output }));
  });
}

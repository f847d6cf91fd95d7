/** A hub host as a process: options as JSON in the first argument, its port as a line on stdout; ends with its stdin. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SodiumSuite, SystemClock, SystemRandom } from '../../dist/base/system/index.js';
import { ControlServer } from '../../dist/hub/index.js';

const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: (fields, message) => console.error(message, fields) };
// The small user server judges passwords itself.
const homeCheck = { check: async () => {}, async [Symbol.asyncDispose]() {} };
const hub = await ControlServer.open(
  { clock: new SystemClock(), random: new SystemRandom(), suite: new SodiumSuite(), log, homeCheck },
  {
    program: fileURLToPath(new URL('./small-user-server.mjs', import.meta.url)),
    cache: 'disk',
    idleTimeoutMs: 600_000,
    memoryBytes: 400_000_000,
    allowPrivate: true,
    port: { host: '127.0.0.1', port: 0 },
    ...JSON.parse(process.argv[2]),
  },
);
process.stdout.write(`${hub.port}\n`);
await once(process.stdin.resume(), 'end');
await hub[Symbol.asyncDispose]();
process.exit(0);

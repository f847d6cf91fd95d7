/** A user server as a process: reads its launch message, serves until it is told to stop or its control server is gone. */
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { SodiumSuite, SystemClock, SystemRandom } from '../../base/system/index.ts';
import { LAUNCH_DESCRIPTOR, parseLaunch } from '../component/launch.ts';
import { createProcessLog } from '../component/process-log.ts';
import { ControlLine } from './control-line.ts';
import { UserServerProcess } from './process.ts';

const log = createProcessLog('info');
const clock = new SystemClock();
const random = new SystemRandom();
const suite = new SodiumSuite();

// Whoever waits for it hears nothing, and starts another: an end is better than half a user server.
process.on('uncaughtException', (error) => {
  log.error({ error }, 'a user server fails');
  process.exit(1);
});

// Everything is loaded by now. A process that was started ahead waits here for its launch message; when its control server
// ends first, it has been nobody.
const message = readFileSync(LAUNCH_DESCRIPTOR);
if (message.length === 0) process.exit(0);
const launch = parseLaunch(suite, message);
const line = await ControlLine.open({ clock, suite, log }, launch);
const { component } = line;

let end: (code: number) => void = () => undefined;
const ended = new Promise<number>((resolve) => {
  end = resolve;
});
line.lost.addEventListener('abort', () => end(0), { once: true });
const onFailed = (error: Error): void => {
  log.error({ error }, 'a user server cannot write any more and ends');
  process.exit(1);
};
// A flag of the process that its control server sets.
const collectGarbage = (globalThis as { gc?: () => void }).gc ?? ((): void => undefined);
// V8 looks at this flag whenever it decides whether a heap may grow, in every thread.
const favour = (what: 'memory' | 'speed'): void =>
  setFlagsFromString(what === 'memory' ? '--optimize-for-size' : '--no-optimize-for-size');
favour('memory');
const server = await UserServerProcess.open(
  { clock, random, log, component, favour, collectGarbage, onFailed },
  launch,
  async () => {
    await server[Symbol.asyncDispose]();
    end(0);
  },
);
line.onRejoined(() => server.onRelieved());
const code = await ended;
await server[Symbol.asyncDispose]();
await line[Symbol.asyncDispose]();
process.exit(code);

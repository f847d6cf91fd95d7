/** The process behind NodeProcess. */
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { SILENT_LOG } from '../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../src/base/system/index.ts';
import { Node, type NodeLimits } from '../src/node/index.ts';

const [folder, limits, port, database] = process.argv.slice(2) as [string, string, string, string?];
const log = {
  ...SILENT_LOG,
  error: (fields: object, message: string) =>
    process.stderr.write(
      `${message} ${JSON.stringify(fields, Object.getOwnPropertyNames((fields as { error?: object }).error ?? {}).concat('error'))}\n`,
    ),
};
const node = await Node.open(
  { clock: new SystemClock(), random: new SystemRandom(), suite: new SodiumSuite(), log },
  {
    folder,
    ...(database === undefined ? {} : { database }),
    host: '127.0.0.1',
    port: Number(port),
    registration: 'open',
    limits: {
      submitsPerSecond: 1_000_000,
      submitBurst: 10_000_000,
      acceptIntervalMs: 0.1,
      acceptQueue: 100_000,
      registrationBurst: 100_000,
      ...(JSON.parse(limits) as Partial<NodeLimits>),
    },
  },
);
process.stdout.write(`${JSON.stringify({ url: node.url, home: node.home })}\n`);
const questions = createInterface({ input: process.stdin });
questions.on('line', () => {
  const { user, system } = process.cpuUsage();
  process.stdout.write(
    `${JSON.stringify({ cpuSeconds: (user + system) / 1e6, mainThreadSeconds: mainThreadSeconds(), rss: process.memoryUsage.rss() })}\n`,
  );
});
const stop = (): void => void node[Symbol.asyncDispose]().then(() => process.exit(0));
process.once('SIGTERM', stop);
// The bench is gone: killed, as a rule.
questions.once('close', stop);

/** User and system time of the main thread from proc(5), in ticks of 10 ms; 0 where there is no proc. */
function mainThreadSeconds(): number {
  try {
    const fields = readFileSync(`/proc/self/task/${process.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return 0; // not Linux
  }
}

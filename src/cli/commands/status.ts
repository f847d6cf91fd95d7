/** `status`: counters and health of a home. */
import type { Command } from 'commander';
import type { DoorStatus, LettersStatus, NodeStatus } from '../../node/index.ts';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { counted, showBytes, showCount, showFullTime } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';

export function addStatus(program: Command, act: Act): void {
  const command = program.command('status').description('Show how the home is: accounts, entries, bytes, feeds.');
  withExamples(forServer(command).action(act(run)), 'restante status', 'restante status --json');
}

async function run(context: Context, options: ServerOptions): Promise<void> {
  const status = await asOperator(context, options, (operator) => operator.status());
  context.output.result(status, (paint) => describe(status, paint));
}

function describe(status: NodeStatus, paint: Paint): string[] {
  const row = (name: string, value: string): string => `${paint.dim(name.padEnd(14))}${value}`;
  return [
    row('Home', `${status.home}, node ${status.node}`),
    row('Accounts', showCount(status.accounts)),
    row('Connections', showCount(status.connections)),
    ...(status.smtp === undefined ? [] : [row('SMTP', describeDoor(status.smtp, paint))]),
    ...(status.letters === undefined ? [] : describeLetters(status.letters, row, paint)),
    row('Log entries', showCount(status.entries)),
    row('On disk', `${showBytes(status.bytes)}${describeRoom(status)}`),
    ...(status.problem === undefined ? [] : [row('', paint.bad(status.problem))]),
    ...status.feeds.map(({ feed, length, retired }) =>
      row('Feed', `${feed.slice(0, 16)}…  ${counted(length, 'block')}${retired ? ', retired' : ''}`),
    ),
  ];
}

function describeRoom({ freeBytes }: NodeStatus): string {
  return freeBytes === undefined ? '' : `, ${showBytes(freeBytes)} free`;
}

/** Ordinary mail on its way out. A domain that is away for hours is what an operator looks at. */
function describeLetters(
  { deferred, delivered, destinations, oldestAt, queued, refused }: LettersStatus,
  row: (name: string, value: string) => string,
  paint: Paint,
): string[] {
  const since = oldestAt === undefined ? '' : `, the oldest since ${showFullTime(oldestAt)}`;
  const done = `${showCount(delivered)} delivered, ${showCount(refused)} refused, ${showCount(deferred)} put off`;
  return [
    row('Letters', `${queued === 0 ? 'none wait' : `${counted(queued, 'letter')} waiting${since}`}; ${done}`),
    ...destinations.map(({ domain, failures, letters, nextAt }) => {
      const next = nextAt === undefined ? 'now' : showFullTime(nextAt);
      const away = failures === 0 ? '' : ` ${paint.warn(`not reached ${counted(failures, 'time')}`)}`;
      return row('', `${domain}  ${counted(letters, 'letter')}, tried ${next}${away}`);
    }),
  ];
}

/** Since the door was opened. */
function describeDoor(door: DoorStatus, paint: Paint): string {
  const { accepted, bytes, deferred, filterFailures, junk, refused } = door;
  const parts = [
    `${counted(accepted, 'message')} taken (${showBytes(bytes)}), ${showCount(junk)} of them junk`,
    `${showCount(refused)} refused`,
    `${showCount(deferred)} asked to come again`,
    ...(filterFailures === 0 ? [] : [paint.warn(`the junk filter was silent of ${showCount(filterFailures)}`)]),
  ];
  return parts.join(', ');
}

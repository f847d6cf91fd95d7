/** `status`: counters and health of a home. */
import type { Command } from 'commander';
import type { DoorStatus, NodeStatus } from '../../node/index.ts';
import type { Act, Context } from '../context.ts';
import { forServer, type ServerOptions, withExamples } from '../options.ts';
import { asOperator } from '../server.ts';
import { counted, showBytes, showCount } from '../terminal/figures.ts';
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
    row('Log entries', showCount(status.entries)),
    row('On disk', showBytes(status.bytes)),
    ...status.feeds.map(({ feed, length, retired }) =>
      row('Feed', `${feed.slice(0, 16)}…  ${counted(length, 'block')}${retired ? ', retired' : ''}`),
    ),
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

/** `sync` and `report`: catching up, and what is known of completeness. */

import type { Command } from 'commander';
import { untilAborted } from '../../base/index.ts';
import type { Alarm, Client, DeliveryReport, Report, SyncResult } from '../../client/index.ts';
import type { Act, Context } from '../context.ts';
import { deliveryFields, describeMessageDelivery } from '../delivery-view.ts';
import { forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted, showBytes, showCount } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';
import { safeLine } from '../terminal/text.ts';

interface SyncOptions extends PersonOptions {
  readonly watch?: boolean;
}

export function addSync(program: Command, act: Act): void {
  const sync = program.command('sync').description('Fetch what is new, fill what is missing, send what waits.');
  withExamples(
    forPerson(sync).option('--watch', 'stay, and print each message that arrives').action(act(runSync)),
    'restante sync',
    'restante sync --watch --json',
  );
  const report = program.command('report').description('Say what is here and what is missing, without asking anybody.');
  withExamples(forPerson(report).action(act(runReport)), 'restante report');
}

async function runSync(context: Context, options: SyncOptions): Promise<void> {
  await withPerson(context, options, { isOnline: true, isBulk: true }, async ({ client }) => {
    const heard: DeliveryReport[] = [];
    const listening = client.events.on('delivery', (report) => heard.push(report));
    const result = await catchUp(context, client);
    listening[Symbol.dispose]();
    context.output.result({ ...fieldsOf(result.report, client.alarms, result), ...deliveriesOf(heard) }, (paint) => [
      `${counted(result.new, 'new message')}${result.filled === 0 ? '' : `, ${showCount(result.filled)} filled in`}.`,
      ...describeReport(result.report, client.alarms, paint),
      ...heard.map((report) => `  ${describeMessageDelivery(report, paint)}`),
    ]);
    if (options.watch === true) await watch(context, client);
  });
}

async function runReport(context: Context, options: PersonOptions): Promise<void> {
  await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const [report, { alarms }] = [await client.report(), client];
    const nothingNew = { new: 0, filled: 0 };
    context.output.result(fieldsOf(report, alarms, nothingNew), (paint) => describeReport(report, alarms, paint));
  });
}

async function catchUp({ output, signal }: Context, client: Client): Promise<SyncResult> {
  using bar = output.progress({ label: 'Fetching', unit: 'items' });
  let done = 0;
  // What waits goes out meanwhile.
  using _ = client.events.on('attachment', (attachment) =>
    bar.update({ done, note: `${showBytes(attachment.done)} of ${showBytes(attachment.total)} sent` }),
  );
  const result = await client.sync({
    signal,
    onProgress: ({ received, toIndex }) => {
      done = received;
      bar.update({ done, note: toIndex === 0 ? undefined : `${showCount(toIndex)} to decrypt` });
    },
  });
  await client.flush(signal);
  return result;
}

async function watch({ output, signal, interruption }: Context, client: Client): Promise<void> {
  interruption.expectEnd();
  if (!output.json) output.note('Watching; Ctrl-C ends it.');
  using _ = client.events.on('arrived', ({ id, from, subject }) => {
    output.result({ arrived: { id, from, subject } }, (paint) => {
      return `${paint.dim(id.slice(0, 12))}  ${paint.bold(safeLine(from))}  ${safeLine(subject)}`;
    });
  });
  using _deliveries = client.events.on('delivery', (report) =>
    output.result({ delivery: { id: report.pdu, ...deliveryFields(report) } }, (paint) =>
      describeMessageDelivery(report, paint),
    ),
  );
  // For people it is a warning on stderr already, as with every command.
  using _alarms = client.events.on('alarm', (alarm) => {
    if (output.json) output.result({ alarm }, () => []);
  });
  using __ = client.events.on('offline', ({ refusal }) =>
    output.note(refusal === undefined ? 'Offline; trying again.' : `${refusal.code}: ${refusal.message}.`),
  );
  await untilAborted(signal);
}

function fieldsOf(
  report: Report,
  alarms: readonly Alarm[],
  counts: { readonly new: number; readonly filled: number },
): object {
  return {
    new: counts.new,
    missing: missingCount(report),
    filled: counts.filled,
    complete: report.complete,
    report: report.report,
    ...(report.pendingBodies === 0 ? {} : { pendingBodies: report.pendingBodies }),
    ...(report.unverified === 0 ? {} : { unverified: report.unverified }),
    ...(alarms.length === 0 ? {} : { alarms }),
  };
}

/** What became of mail at other homes, as far as it is news here. */
function deliveriesOf(heard: readonly DeliveryReport[]): object {
  return heard.length === 0
    ? {}
    : { deliveries: heard.map((report) => ({ id: report.pdu, ...deliveryFields(report) })) };
}

function missingCount({ report }: Report): number {
  return report.flatMap(({ missing }) => missing).reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** Standing alarms are shown each time: whoever missed the warning when it came sees it here. */
function describeReport(report: Report, alarms: readonly Alarm[], paint: Paint): string[] {
  const { sentence } = report;
  const lines = [
    `${report.complete ? paint.good('●') : paint.warn('○')} ${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}.`,
  ];
  if (report.report.length === 0) lines.push('  Nobody was asked yet: `restante sync` asks.');
  if (report.pendingBodies > 0) lines.push(`  ${counted(report.pendingBodies, 'body', 'bodies')} still to be fetched.`);
  if (report.unverified > 0)
    lines.push(`  ${paint.bad(counted(report.unverified, 'entry', 'entries'))} did not verify.`);
  for (const { code, subject, detail } of alarms)
    lines.push(`  ${paint.bad(`alarm ${code}`)} ${safeLine(subject)}: ${safeLine(detail)}.`);
  if (alarms.length > 0) lines.push('  What the home shows does not hold: `restante doctor` says what to do.');
  return lines;
}

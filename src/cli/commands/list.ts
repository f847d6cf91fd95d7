/** `list` and `search`: what is on this device, newest first. */
import type { Command } from 'commander';
import type { Client, DeliveryReport, Summary } from '../../client/index.ts';
import { parseConversationId } from '../../protocol/index.ts';
import type { Act, Context } from '../context.ts';
import { describeMessageDelivery } from '../delivery-view.ts';
import { LIST_LIMIT } from '../limits.ts';
import { messageColumns, messageFields } from '../message-view.ts';
import { countOption, forPerson, type PersonOptions, timeOption, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';

interface ListOptions extends PersonOptions {
  readonly limit?: number;
  readonly since?: number;
  readonly unread?: boolean;
  readonly conversation?: string;
  readonly label?: string;
  readonly junk?: boolean;
}

export function addList(program: Command, act: Act): void {
  const list = program.command('list').description('List messages, newest first.');
  withExamples(
    forPerson(list)
      .option('--limit <n>', `at most so many (default: ${LIST_LIMIT}; with --json all)`, countOption)
      .option('--since <date>', 'received since', timeOption)
      .option('--unread', 'unread ones')
      .option('--conversation <id>', 'of one conversation')
      .option('--label <name>', 'with this label')
      .option('--junk', 'also from those who are blocked, and what is suspected')
      .action(act(runList)),
    'restante list --unread',
    'restante list --since 2026-03-01 --json',
  );
  const search = program
    .command('search')
    .description('List the messages that hold every word: in people, subject or text.')
    .argument('<words...>', 'in any order');
  withExamples(
    forPerson(search)
      .option('--limit <n>', `at most so many (default: ${LIST_LIMIT}; with --json all)`, countOption)
      .action(act(runSearch)),
    'restante search invoice march',
  );
}

async function runList(context: Context, options: ListOptions): Promise<void> {
  const { since, unread, conversation, label, junk } = options;
  await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const summaries = client.mail.list({
      ...(since === undefined ? {} : { since }),
      ...(unread === undefined ? {} : { unread }),
      ...(conversation === undefined ? {} : { conversation: parseConversationId(conversation) }),
      ...(label === undefined ? {} : { keyword: `label:${label}` }),
      ...(junk === undefined ? {} : { junk }),
    });
    await show(
      context,
      options,
      client,
      summaries,
      'There are no such messages here; `restante sync` fetches new ones.',
    );
  });
}

async function runSearch(context: Context, options: ListOptions, words: readonly string[]): Promise<void> {
  await withPerson(context, options, { isOnline: false }, ({ client }) =>
    show(context, options, client, client.mail.search(words.join(' ')), 'No message here holds all of these words.'),
  );
}

async function show(
  { output, deps, signal }: Context,
  { limit }: ListOptions,
  client: Client,
  summaries: AsyncIterable<Summary>,
  empty: string,
): Promise<void> {
  const most = limit ?? (output.json ? Number.POSITIVE_INFINITY : LIST_LIMIT);
  const deliveries = await client.deliveries.list();
  const deliveriesOf = ({ id }: Summary): readonly DeliveryReport[] => deliveries.filter(({ pdu }) => pdu === id);
  const rows: Summary[] = [];
  let count = 0;
  for await (const summary of summaries) {
    signal.throwIfAborted();
    if (count >= most) {
      if (limit === undefined) output.note(`Only the newest ${most} are shown; --limit shows more.`);
      break;
    }
    count++;
    if (output.json) output.result(messageFields(summary, deliveriesOf(summary)), () => []);
    else rows.push(summary);
  }
  if (output.json) return;
  output.table(rows, messageFields, messageColumns(output.paint, deps.clock.now()), empty);
  for (const summary of rows)
    for (const report of deliveriesOf(summary))
      if (report.status !== 'delivered') output.note(describeMessageDelivery(report, output.paint));
}

/** `send`: a message from arguments and stdin, encrypted, queued durably, and handed to a node. */
import type { Command } from 'commander';
import { CodedError } from '../../base/index.ts';
import type { Client, Draft, Outcome, Sent } from '../../client/index.ts';
import { type Address, parseConversationId } from '../../protocol/index.ts';
import { showSending, sourceOf } from '../attachments.ts';
import { CliError } from '../cli-error.ts';
import type { Act, CommonOptions, Context } from '../context.ts';
import { resolveMessage } from '../message-view.ts';
import { addressListOption, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { connectIfPossible, withPerson } from '../person.ts';
import { counted } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';
import { readText } from '../terminal/questions.ts';

interface SendOptions extends PersonOptions, CommonOptions {
  readonly to?: readonly Address[];
  readonly cc?: readonly Address[];
  readonly bcc?: readonly Address[];
  readonly subject?: string;
  readonly body?: string;
  readonly attach?: readonly string[];
  readonly conversation?: string;
  readonly reply?: string;
  readonly despiteGaps?: boolean;
  readonly name?: string;
  readonly plain?: boolean;
}

export function addSend(program: Command, act: Act): void {
  const send = program
    .command('send')
    .description('Encrypt a message and send it; the text comes from stdin or --body.');
  withExamples(
    forPerson(send)
      .option('--to <addresses>', 'separated by commas; may stand several times', addressListOption)
      .option('--cc <addresses>', 'also to, seen by all', addressListOption)
      .option('--bcc <addresses>', 'also to, seen by nobody', addressListOption)
      .option('--subject <text>', 'encrypted like the text')
      .option('--body <text>', 'instead of stdin')
      .option('--attach <files...>', 'files to go with it, of any size up to 64 GiB')
      .option('--conversation <id>', 'go on with a conversation: with all who are in it, or some of them')
      .option('--reply <id>', 'answer a message, in its conversation')
      .option('--despite-gaps', 'write although something of the conversation is not here')
      .option('--name <name>', 'your name beside your address')
      .option('--plain', 'people without a home get it in the clear: your home, and every server on the way, reads it')
      .action(act(run)),
    "echo 'Lunch on Friday?' | restante send --to bob@home.example --subject Friday",
    'restante send --to bob@home.example --body "See the plan" --attach plan.pdf',
    "echo 'I will be late' | restante send --conversation 0123456789abcdef0123456789abcdef",
  );
}

async function run(context: Context, options: SendOptions): Promise<void> {
  const { to = [], cc = [], bcc = [] } = options;
  const isTalk = options.conversation !== undefined || options.reply !== undefined;
  if (!isTalk && to.length + cc.length + bcc.length === 0)
    throw new CliError('usage', 'the message is addressed to nobody', { fix: 'Give somebody with --to.' });
  // Without a network the message is still written, and waits in the outbox.
  const sent = await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const draft: Draft = {
      to,
      cc,
      bcc,
      subject: options.subject ?? '',
      text: await textOf(context, options),
      attachments: await Promise.all((options.attach ?? []).map((path) => sourceOf(context.pathOf(path)))),
      ...(options.conversation === undefined ? {} : { conversation: parseConversationId(options.conversation) }),
      ...(options.reply === undefined ? {} : { inReplyTo: await resolveMessage(client, options.reply) }),
      despiteGaps: options.despiteGaps === true,
      ordinary: options.plain === true ? 'plain' : 'encrypted',
      ...(options.name === undefined ? {} : { fromName: options.name }),
    };
    await connectIfPossible(client, context);
    using _ = showSending(context, client);
    const first = await client.send(draft, context.signal);
    const isCut = first.status === 'queued' && client.outbox.items.some((item) => item.attached.length > 0);
    return isCut && !context.signal.aborted ? goOn(context, client, first) : first;
  });
  context.output.result(sent, (paint) => {
    const count = to.length + cc.length + bcc.length;
    const people = count === 0 ? 'all who are in the conversation' : counted(count, 'person', 'people');
    const said =
      sent.status === 'queued'
        ? `${paint.warn('queued')}  No node has all of it yet: it goes with the next sync.`
        : `${paint.good(sent.status)}  ${sent.id.slice(0, 12)} to ${people}.`;
    return [said, ...describeOrdinary(sent, paint)];
  });
}

/** What others on its way see of ordinary mail. */
function describeOrdinary({ ordinary }: Sent, paint: Paint): readonly string[] {
  if (ordinary === undefined) return [];
  const whom = ordinary.to.join(', ');
  return ordinary.encrypted
    ? [`${paint.good('encrypted')}  ${whom}: by ordinary mail; servers see who writes to whom, not what.`]
    : [
        `${paint.warn('in the clear')}  ${whom}: by ordinary mail, which your home and every server on the way can read.`,
      ];
}

/** A large attachment whose connection was cut goes on, as long as some node answers. */
async function goOn({ signal }: Context, client: Client, sent: Sent): Promise<Sent> {
  let outcome: Outcome | undefined;
  using _ = client.events.on('outbox', (change) => {
    if (change.id === sent.id) outcome = change.outcome;
  });
  try {
    await client.flush(signal);
  } catch (error) {
    if (!(error instanceof CodedError) || error.code !== 'offline') throw error;
  }
  if (outcome === undefined || outcome.status === 'refused' || outcome.status === 'handed_over') return sent;
  return { ...sent, status: outcome.status, receipts: [outcome.receipt] };
}

async function textOf(context: Context, options: SendOptions): Promise<string> {
  if (options.body !== undefined) return options.body;
  if (options.passwordStdin === true)
    throw new CliError('usage', 'stdin cannot hold the password and the text', { fix: 'Give the text with --body.' });
  const { stdin } = context.streams;
  if (stdin.isTTY) context.output.note('Write the message; Ctrl-D at the beginning of a line ends it.');
  return readText(stdin);
}

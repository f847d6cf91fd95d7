/** `read`: one message; for people safe to look at, with --raw the exact bytes. */
import type { Command } from 'commander';
import type { Client, DeliveryReport, Message, Summary } from '../../client/index.ts';
import { isDoorAddress, type PduId } from '../../protocol/index.ts';
import { saveAttachment } from '../attachments.ts';
import type { Act, Context } from '../context.ts';
import { describeDelivery } from '../delivery-view.ts';
import { fromOf, isVerified, messageFields, resolveMessage, toOf } from '../message-view.ts';
import { forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { showBytes, showFullTime } from '../terminal/figures.ts';
import type { Paint } from '../terminal/paint.ts';
import { safeBlock, safeLine } from '../terminal/text.ts';

interface ReadOptions extends PersonOptions {
  readonly raw?: boolean;
  readonly save?: string;
}

/** What a message itself does not say. */
interface Beside {
  readonly saved: readonly string[] | undefined;
  readonly deliveries: readonly DeliveryReport[];
}

export function addRead(program: Command, act: Act): void {
  const read = program
    .command('read')
    .description('Show a message.')
    .argument('<id>', 'as `restante list` shows it; the first digits are enough');
  withExamples(
    forPerson(read)
      .option('--raw', 'the exact bytes that were sent')
      .option(
        '--save <dir>',
        'write the attachments into a folder; large ones are fetched, and go on where they stopped',
      )
      .action(act(run)),
    'restante read 3f9a1c0b77e2',
    'restante read 3f9a1c0b77e2 --raw > message.eml',
  );
}

async function run(context: Context, options: ReadOptions, text: string): Promise<void> {
  await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const id = await resolveMessage(client, text);
    if (options.raw === true) {
      await context.output.raw((await client.mail.raw(id)).mime);
      return;
    }
    const message = await client.mail.read(id);
    const deliveries = await client.deliveries.of(id);
    const saved =
      options.save === undefined ? undefined : await saveAttachments(context, client, id, context.pathOf(options.save));
    const { headers, text: body, cc, attachments } = message.text;
    context.output.result(
      {
        ...messageFields(message.summary, deliveries),
        cc,
        headers: headers.map(([name, value]) => ({ name, value })),
        text: body.replaceAll('\r\n', '\n'),
        attachments: attachments.map(({ name, type, size }) => ({ name, type, size })),
        ...(saved === undefined ? {} : { saved }),
      },
      (paint) => render(message, { saved, deliveries }, paint),
    );
  });
}

function render({ summary, text }: Message, { deliveries, saved }: Beside, paint: Paint): string[] {
  const row = (name: string, value: string): string[] =>
    value === '' ? [] : [`${paint.dim(`${name}:`.padEnd(10))}${safeLine(value)}`];
  return [
    ...row('From', fromOf(summary)),
    ...row('To', toOf(summary).join(', ')),
    ...row('Cc', text.cc.join(', ')),
    ...row('Date', showFullTime(writtenAt({ summary, text }))),
    ...row('Subject', text.subject),
    `${paint.dim('Signed:'.padEnd(10))}${proofOf(summary, paint)}`,
    ...text.attachments.flatMap(({ name, size }) => row('Attached', `${name || 'unnamed'} (${showBytes(size)})`)),
    ...(saved ?? []).flatMap((path) => row('Saved', path)),
    ...deliveries.map((report) => `${paint.dim('Delivery:'.padEnd(10))}${describeDelivery(report, paint)}`),
    '',
    safeBlock(text.text).trimEnd(),
  ];
}

/** When the message says that it was written; an imported one was sent long after. */
function writtenAt({ summary, text }: Message): number {
  const [, value = ''] = text.headers.find(([name]) => name.toLowerCase() === 'date') ?? [];
  const time = Date.parse(value);
  return Number.isNaN(time) ? summary.sentAt : time;
}

function proofOf(summary: Summary, paint: Paint): string {
  const { author, proof, bound } = summary;
  if (isDoorAddress(author)) return paint.warn('no: ordinary mail, which came to this home in the clear');
  if (isVerified(summary)) return paint.good(`yes, by ${author}`);
  if (proof === 'verified' && bound) return paint.warn(`sent by ${author}; who wrote it once is not proven`);
  if (proof === 'verified') return paint.warn(`by ${author}, but not for this conversation and these recipients`);
  return paint.bad(`no (${proof.replaceAll('_', ' ')}); sent from a device of ${author}`);
}

async function saveAttachments(context: Context, client: Client, id: PduId, folder: string): Promise<string[]> {
  const saved: string[] = [];
  for (const attachment of await client.mail.attachments(id))
    saved.push(await saveAttachment(context, client, folder, attachment));
  return saved;
}

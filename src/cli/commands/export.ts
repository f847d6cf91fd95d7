/** `export`: all mail on this device, decrypted, byte for byte. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { EXPORT_FORMATS, type ExportFormat, openMailWriter } from '../mail-files/mail-writer.ts';
import { isUnread, receivedMs } from '../message-view.ts';
import { forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted } from '../terminal/figures.ts';

interface ExportOptions extends PersonOptions {
  readonly format: ExportFormat;
}

export function addExport(program: Command, act: Act): void {
  const command = program
    .command('export')
    .description('Write all mail on this device, decrypted. A second run writes what is missing.')
    .argument('<path>', 'a folder; with --format mbox a file');
  withExamples(
    forPerson(command)
      .addOption(
        new Option('--format <format>', 'eml and maildir are byte-exact; mbox adds a line end where one is missing')
          .choices(EXPORT_FORMATS)
          .default('eml'),
      )
      .action(act(run)),
    'restante export mail/',
    'restante export mail.mbox --format mbox',
  );
}

async function run(context: Context, options: ExportOptions, path: string): Promise<void> {
  const { output, signal } = context;
  const refused: { readonly id: string; readonly code: string }[] = [];
  const messages = await withPerson(context, options, { isOnline: false, isBulk: true }, async ({ client }) => {
    await using writer = await openMailWriter(context.pathOf(path), options.format);
    using bar = output.progress({ label: 'Exporting', unit: 'items' });
    let written = 0;
    for await (const exported of client.mail.export({}, signal)) {
      const { summary } = exported;
      if (exported.status === 'refused') refused.push({ id: summary.id, code: exported.code });
      else {
        const message = {
          id: summary.id,
          author: summary.author,
          receivedAt: receivedMs(summary),
          isUnread: isUnread(summary),
          isFlagged: summary.keywords.includes('flagged'),
        };
        if (!writer.has(summary.id)) await writer.write(message, exported.mime);
        written++;
      }
      bar.update({ done: written });
    }
    signal.throwIfAborted();
    await writer.finish();
    return written;
  });
  output.result({ messages, path, ...(refused.length === 0 ? {} : { refused }) }, (paint) => [
    `${counted(messages, 'message')} in ${path}.`,
    ...refused.map(({ id, code }) => `  ${paint.bad(code)}  ${id}`),
  ]);
  if (refused.length > 0) throw new Unsuccessful();
}

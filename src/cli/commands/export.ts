/** `export`: all mail on this device, decrypted, byte for byte; and, when asked, with what travels beside it. */
import type { Command } from 'commander';
import { Option } from 'commander';
import { CodedError } from '../../base/index.ts';
import type { Client, Summary } from '../../client/index.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import {
  EXPORT_FORMATS,
  type ExportFormat,
  type MailWriter,
  openMailWriter,
  type WrittenMessage,
} from '../mail-files/mail-writer.ts';
import { mayLackAttachments, WholeMessage, type WholeMessageDeps } from '../mail-files/whole-message.ts';
import { isUnread, receivedMs } from '../message-view.ts';
import { forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted, showBytes } from '../terminal/figures.ts';
import { safeLine } from '../terminal/text.ts';

interface ExportOptions extends PersonOptions {
  readonly format: ExportFormat;
  readonly attachments?: boolean;
}

/** A message that is not in the files, or not with all that belongs to it. */
interface Lack {
  readonly id: string;
  readonly code: string;
  /** The large attachments that it names and does not hold. */
  readonly attachments?: readonly string[];
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
      .option('--attachments', 'fetch large attachments, and write them into their messages')
      .action(act(run)),
    'restante export mail/',
    'restante export mail/ --attachments',
    'restante export mail.mbox --format mbox',
  );
}

async function run(context: Context, options: ExportOptions, path: string): Promise<void> {
  const { output } = context;
  const isWhole = options.attachments === true;
  const { lacking, messages, named } = await withPerson(
    context,
    options,
    { isOnline: false, isBulk: true }, // without a node all is written but what only nodes have
    async ({ client }) => {
      await using writer = await openMailWriter(context.pathOf(path), options.format);
      const exporting = new Exporting(context, client, writer, isWhole);
      return await exporting.run();
    },
  );
  const refused = lacking.filter(({ attachments }) => attachments === undefined);
  const incomplete = lacking.filter(({ attachments }) => attachments !== undefined);
  const fields = {
    ...(refused.length === 0 ? {} : { refused }),
    ...(incomplete.length === 0 ? {} : { incomplete }),
    ...(named === 0 ? {} : { withoutAttachments: named }),
  };
  output.result({ messages, path, ...fields }, (paint) => [
    `${counted(messages, 'message')} in ${path}.`,
    ...refused.map(({ id, code }) => `  ${paint.bad(code)}  ${id}`),
    ...incomplete.map(
      ({ attachments = [], id, code }) =>
        `  ${paint.bad(code)}  ${id}: without ${attachments.map(safeLine).join(', ')}`,
    ),
    ...(incomplete.length === 0 ? [] : ['The same command again tries once more.']),
    ...(named === 0
      ? []
      : [`${counted(named, 'message')} without large attachments: --attachments fetches them and writes them in.`]),
  ]);
  if (lacking.length > 0) throw new Unsuccessful();
}

class Exporting {
  readonly #context: Context;
  readonly #client: Client;
  readonly #writer: MailWriter;
  readonly #isWhole: boolean;
  readonly #lacking: Lack[] = [];
  #written = 0;
  /** Messages that name large attachments, which nobody asked for. */
  #named = 0;

  constructor(context: Context, client: Client, writer: MailWriter, isWhole: boolean) {
    this.#context = context;
    this.#client = client;
    this.#writer = writer;
    this.#isWhole = isWhole;
  }

  async run(): Promise<{ readonly messages: number; readonly lacking: readonly Lack[]; readonly named: number }> {
    const { output, signal } = this.#context;
    using bar = output.progress({ label: 'Exporting', unit: 'items' });
    const onProgress = (name: string, done: number, total: number): void =>
      bar.update({ done: this.#written, note: `${safeLine(name)}: ${showBytes(done)} of ${showBytes(total)}` });
    const open: WholeMessageDeps['open'] = (manifest, until) => this.#client.openAttachment(manifest, until);
    for await (const exported of this.#client.mail.export({}, signal)) {
      const { summary } = exported;
      if (exported.status === 'refused') this.#lacking.push({ id: summary.id, code: exported.code });
      else {
        const { mime } = exported;
        const whole = this.#isWhole ? await WholeMessage.open({ open, onProgress }, mime) : undefined;
        if (!this.#isWhole && mayLackAttachments(mime)) this.#named++;
        await (whole === undefined ? this.#keep(summary, mime) : this.#keepWhole(summary, mime, whole));
        this.#written++;
      }
      bar.update({ done: this.#written });
    }
    signal.throwIfAborted();
    await this.#writer.finish();
    return { messages: this.#written, lacking: this.#lacking, named: this.#named };
  }

  /** As it was signed. */
  async #keep(summary: Summary, mime: Uint8Array): Promise<void> {
    if (!(await this.#writer.has(summary.id))) await this.#writer.write(written(summary), [mime]);
  }

  /** What cannot be fetched now keeps nothing else from being written. */
  async #keepWhole(summary: Summary, mime: Uint8Array, whole: WholeMessage): Promise<void> {
    if (await this.#writer.has(summary.id, whole.size)) return;
    try {
      await this.#writer.write(written(summary), whole.octets(this.#context.signal));
    } catch (error) {
      this.#context.signal.throwIfAborted();
      if (!(error instanceof CodedError)) throw error;
      const attachments = whole.manifests.map(({ name }) => name);
      this.#lacking.push({ id: summary.id, code: error.code, attachments });
      await this.#keep(summary, mime);
    }
  }
}

function written(summary: Summary): WrittenMessage {
  return {
    id: summary.id,
    author: summary.author,
    receivedAt: receivedMs(summary),
    isUnread: isUnread(summary),
    isFlagged: summary.keywords.includes('flagged'),
  };
}

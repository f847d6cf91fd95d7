/** `import`: the mail of files as encrypted mail to somebody. What was imported before is not sent again. */
import type { Command } from 'commander';
import type { Client, Imported, Outcome } from '../../client/index.ts';
import type { Address, PduId } from '../../protocol/index.ts';
import { forEachBounded } from '../bounded.ts';
import { Unsuccessful } from '../cli-error.ts';
import type { Act, Context } from '../context.ts';
import { describeError } from '../error-line.ts';
import { IMPORT_IN_FLIGHT, IMPORT_IN_FLIGHT_BYTES } from '../limits.ts';
import { type FoundMessage, findMailFiles, type MailFile, readMailFile } from '../mail-files/mail-files.ts';
import { addressArgument, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { counted } from '../terminal/figures.ts';

interface ImportOptions extends PersonOptions {
  readonly to: Address;
}

export function addImport(program: Command, act: Act): void {
  const command = program
    .command('import')
    .description('Send every message of .eml files, folders, Maildirs and mboxes, encrypted. Goes on where it stopped.')
    .argument('<paths...>', 'files and folders');
  withExamples(
    forPerson(command).requiredOption('--to <address>', 'whose mail it becomes', addressArgument).action(act(run)),
    'restante import ~/Maildir old.mbox --to alice@home.example',
  );
}

async function run(context: Context, options: ImportOptions, paths: readonly string[]): Promise<void> {
  const files = await findMailFiles(paths.map(context.pathOf), context.signal);
  const counts = await withPerson(context, options, { isOnline: true, isBulk: true }, async ({ client }) => {
    const run = new ImportRun(context, client, options.to, files);
    await run.finish();
    return run.counts;
  });
  const { read, sent, duplicates, refused } = counts;
  context.output.result(counts, (paint) => [
    `${counted(read, 'message')} read: ${paint.good(`${sent} sent`)}, ${duplicates} sent before, ${refused.length} refused.`,
    ...refused.map(({ path, code }) => `  ${paint.bad(code)}  ${path}`),
  ]);
  if (refused.length > 0) throw new Unsuccessful();
}

interface Counts {
  read: number;
  sent: number;
  duplicates: number;
  readonly refused: { readonly path: string; readonly code: string }[];
}

class ImportRun {
  readonly counts: Counts = { read: 0, sent: 0, duplicates: 0, refused: [] };
  readonly #context: Context;
  readonly #client: Client;
  readonly #to: Address;
  readonly #files: readonly MailFile[];
  /** Refused by a node in an earlier run: the reason may be gone. */
  readonly #refusedBefore: ReadonlySet<PduId>;
  readonly #retried = new Map<PduId, string>();

  constructor(context: Context, client: Client, to: Address, files: readonly MailFile[]) {
    this.#context = context;
    this.#client = client;
    this.#to = to;
    this.#files = files;
    const refused = client.outbox.items.filter((item) => item.refused !== undefined);
    this.#refusedBefore = new Set(refused.map(({ id }) => id));
  }

  async finish(): Promise<void> {
    const { output, signal } = this.#context;
    using bar = output.progress({ label: 'Importing', unit: 'items' });
    using _ = this.#client.events.on('outbox', ({ id, outcome }) => {
      const path = this.#retried.get(id);
      if (path !== undefined) this.#settle(path, outcome);
    });
    const totalBytes = this.#files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let doneBytes = 0;
    const messages = async function* (this: ImportRun): AsyncGenerator<FoundMessage> {
      for (const file of this.#files) {
        for await (const message of readMailFile(file)) {
          const share = totalBytes === 0 ? 1 : (doneBytes + message.readBytes) / totalBytes;
          bar.update({ done: this.counts.read, share, note: this.#note() });
          yield message;
        }
        doneBytes += file.sizeBytes;
      }
    };
    const bounds = {
      itemsMax: IMPORT_IN_FLIGHT,
      bytesMax: IMPORT_IN_FLIGHT_BYTES,
      sizeOf: ({ bytes }: FoundMessage) => bytes?.length ?? 0,
    };
    const settling = new Set<Promise<void>>();
    await forEachBounded(messages.call(this), bounds, signal, async (message) => {
      const queued = await this.#take(message);
      if (queued === undefined) return;
      const settled = queued.settled.then((outcome) => {
        settling.delete(settled);
        this.#settle(message.path, outcome);
      });
      settling.add(settled);
    });
    await this.#client.flush(signal);
    await Promise.all(settling);
  }

  /** On this device's disk when it resolves; undefined: nothing new is to be sent. */
  async #take({
    path,
    bytes,
    problem = 'too_large',
  }: FoundMessage): Promise<Extract<Imported, { status: 'queued' }> | undefined> {
    this.counts.read++;
    if (bytes === undefined) {
      this.#refuse(path, problem);
      return undefined;
    }
    try {
      const imported = await this.#client.importRaw(bytes, this.#to, this.#context.signal);
      if (imported.status === 'queued') return imported;
      await this.#takeDuplicate(imported.id, path);
    } catch (error) {
      this.#context.signal.throwIfAborted();
      const { code } = describeError(error);
      // What this message is refused for says nothing of the next; anything else stops the run.
      if (!OF_ONE_MESSAGE.has(code)) throw error;
      this.#refuse(path, code);
    }
    return undefined;
  }

  async #takeDuplicate(id: PduId, path: string): Promise<void> {
    if (!this.#refusedBefore.has(id) || this.#retried.has(id)) {
      this.counts.duplicates++;
      return;
    }
    this.#retried.set(id, path);
    await this.#client.outbox.retry(id);
  }

  #settle(path: string, outcome: Outcome): void {
    if (outcome.status === 'refused') this.#refuse(path, outcome.code);
    else this.counts.sent++;
  }

  #refuse(path: string, code: string): void {
    this.counts.refused.push({ path, code });
    this.#context.output.warn(`${path}: ${code}`);
  }

  #note(): string | undefined {
    const { length } = this.counts.refused;
    return length === 0 ? undefined : `${length} refused`;
  }
}

const OF_ONE_MESSAGE: ReadonlySet<string> = new Set(['too_large', 'malformed']);

/** Files on their way to the hub, kept in the browser until they are there: a letter that is sent without a network has them. */
import type { KeptLetters } from './kept-letters.ts';
import type { Attachment, Letter, LetterContent } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';

export interface UploadsDeps {
  readonly line: Line;
  readonly kept: KeptLetters;
  readonly accountOf: (letter: { readonly accountId: string | undefined }) => MailAccount;
}

export class Uploads {
  /** By attachment: what was attached in this window. */
  readonly files = new Map<string, File>();
  readonly #deps: UploadsDeps;
  /** By letter. */
  readonly #running = new Map<string, AbortController>();

  constructor(deps: UploadsDeps) {
    this.#deps = deps;
  }

  attach(letter: Letter, files: Iterable<File>, onChange: () => void): void {
    for (const file of files) {
      const { name, size, type } = file;
      letter.attachments.push({
        ...{ key: crypto.randomUUID(), name, size, type: type || 'application/octet-stream' },
        ...{ blobId: undefined, share: 0, hasFailed: false },
      });
      const attachment = letter.attachments.at(-1);
      if (attachment === undefined) continue;
      void this.#deps.kept
        .keepFile(letter.key, attachment, file)
        .catch((error: unknown) => console.warn(error)) // the browser has no room: it is safe when the hub has it
        .then(() => this.#run(letter, attachment, file, onChange));
    }
  }

  /** Goes on with what a window that is closed had begun. What is not here any more is shown as failed. */
  async resume(letter: Letter, onChange: () => void): Promise<void> {
    for (const attachment of letter.attachments) {
      if (attachment.blobId !== undefined) continue;
      const file = this.files.get(attachment.key) ?? (await this.#deps.kept.file(letter.key, attachment));
      if (file === undefined) attachment.hasFailed = true;
      else void this.#run(letter, attachment, file, onChange);
    }
  }

  /** What still runs for a letter ends: it was discarded, or its sending does the rest. */
  stop(letterKey: string): void {
    this.#running.get(letterKey)?.abort(new DOMException('the letter is gone', 'AbortError'));
    this.#running.delete(letterKey);
  }

  /** The letter with all its files at the hub. Throws when one is nowhere. */
  async finish(content: LetterContent): Promise<LetterContent> {
    const { accountOf, kept, line } = this.#deps;
    const { id: accountId } = accountOf(content);
    const attachments: Attachment[] = [];
    for (const attachment of content.attachments) {
      if (attachment.blobId !== undefined) {
        attachments.push(attachment);
        continue;
      }
      const file = this.files.get(attachment.key) ?? (await kept.file(content.key, attachment));
      if (file === undefined) throw new Error(attachment.name);
      const never = new AbortController().signal;
      const { blobId } = await line.attempt((connection) => connection.upload(accountId, file, () => undefined, never));
      attachments.push({ ...attachment, blobId, share: 1 });
    }
    return { ...content, attachments };
  }

  async #run(letter: Letter, attachment: Attachment, file: File, onChange: () => void): Promise<void> {
    const { accountOf, line } = this.#deps;
    const { id: accountId } = accountOf(letter);
    const stopping = this.#running.get(letter.key) ?? new AbortController();
    this.#running.set(letter.key, stopping);
    this.files.set(attachment.key, file);
    const progress = (share: number): void => {
      attachment.share = share;
    };
    try {
      const { blobId } = await line.attempt((connection) =>
        connection.upload(accountId, file, progress, stopping.signal),
      );
      if (stopping.signal.aborted) return;
      attachment.blobId = blobId;
      onChange();
    } catch (error) {
      if (stopping.signal.aborted) return;
      console.warn(error);
      attachment.hasFailed = true;
    }
  }
}

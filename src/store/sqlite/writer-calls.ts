/** What the writer is asked, and how it answers: in its thread, or in the caller's. */
import { invariant } from '../../base/index.ts';
import { type ErrorMessage, errorMessageOf } from './engine-errors.ts';
import type { Packed } from './packing.ts';
import type { CallHandlers } from './store-thread.ts';
import { Writer } from './writer.ts';

export type WriterCalls = {
  readonly open: { readonly request: { readonly folder: string }; readonly reply: object };
  readonly commit: {
    readonly request: Packed;
    readonly reply: {
      /** Value files that no row names any more. */
      readonly dropped: readonly number[];
      /** Why the log could not be moved into the database after the commit before: not this one's failure. */
      readonly checkpointError: ErrorMessage | undefined;
      /** The memory of the request. This thread has too small a heap to notice that it is full of them. */
      readonly spent: ArrayBuffer;
    };
  };
  readonly removeFiles: { readonly request: { readonly ids: readonly number[] }; readonly reply: object };
  readonly close: { readonly request: object; readonly reply: object };
};

export function createWriterHandlers(): CallHandlers<WriterCalls> {
  let opened: Writer | undefined;
  let checkpointError: ErrorMessage | undefined;
  const writer = (): Writer => {
    invariant(opened !== undefined, 'the writer is open');
    return opened;
  };
  const checkpoint = (): void => {
    try {
      writer().checkpoint();
      checkpointError = undefined;
    } catch (error) {
      checkpointError = errorMessageOf(error);
    }
  };
  return {
    open: ({ folder }) => {
      opened = Writer.open(folder);
      return { reply: {} };
    },
    commit: (writes) => {
      const dropped = writer().commit(writes);
      const reply = { dropped, checkpointError, spent: writes.bytes };
      return { reply, transfer: [writes.bytes], afterwards: checkpoint };
    },
    removeFiles: ({ ids }) => {
      writer().removeFiles(ids);
      return { reply: {} };
    },
    close: () => {
      opened?.close();
      opened = undefined;
      return { reply: {} };
    },
  };
}

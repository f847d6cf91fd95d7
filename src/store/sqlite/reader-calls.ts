/** What the reader is asked, and how it answers: in its thread, or in the caller's. */
import { invariant } from '../../base/index.ts';
import { type Packed, transferOf } from './packing.ts';
import { type ReadAnswers, Reader } from './reader.ts';
import type { CallHandlers } from './store-thread.ts';

export type ReaderCalls = {
  readonly open: { readonly request: { readonly folder: string }; readonly reply: object };
  readonly read: { readonly request: Packed; readonly reply: ReadAnswers };
  readonly size: { readonly request: object; readonly reply: { readonly sizeBytes: number } };
  readonly close: { readonly request: object; readonly reply: object };
};

export function createReaderHandlers(): CallHandlers<ReaderCalls> {
  let opened: Reader | undefined;
  const reader = (): Reader => {
    invariant(opened !== undefined, 'the reader is open');
    return opened;
  };
  return {
    open: ({ folder }) => {
      opened = new Reader(folder);
      return { reply: {} };
    },
    read: (packed) => {
      const reply = reader().read(packed);
      return { reply, transfer: transferOf(reply.answers) };
    },
    size: () => ({ reply: { sizeBytes: reader().sizeBytes() } }),
    close: () => {
      opened?.close();
      opened = undefined;
      return { reply: {} };
    },
  };
}

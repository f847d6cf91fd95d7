/**
 * What a note says, inside its encryption: operations, and for a snapshot the notes that it makes superfluous. A snapshot
 * repeats registers with the stamps they have, so merging it is merging operations, and an old one can do no harm.
 */
import { z } from 'zod';
import { fromUtf8 } from '../../base/index.ts';
import { type ConversationId, encodeCanonicalJson, type FeedId, parseConversationId } from '../../protocol/index.ts';
import { NOTE_OPERATIONS_MAX, SUPERSEDED_RANGES_MAX } from '../limits.ts';
import { type Operation, operationSchema } from './registers.ts';

export interface NotePlace {
  readonly feed: FeedId;
  readonly from: number;
  readonly to: number;
}

export interface NoteBody {
  readonly operations: readonly Operation[];
  /** Mailbox numbers of notes whose bodies may be erased once this one is held. */
  readonly supersedes: readonly NotePlace[];
}

const noteSchema = z.strictObject({
  v: z.literal(1),
  type: z.literal('note'),
  operations: z.array(operationSchema).max(NOTE_OPERATIONS_MAX),
  supersedes: z
    .array(z.strictObject({ feed: z.string().regex(/^[0-9a-f]{64}$/), from: z.int().min(1), to: z.int().min(1) }))
    .max(SUPERSEDED_RANGES_MAX),
});

export type NoteReading = { readonly status: 'read'; readonly note: NoteBody } | { readonly status: 'malformed' };

export function encodeNoteBody(note: NoteBody): Uint8Array {
  return encodeCanonicalJson({
    v: 1,
    type: 'note',
    operations: note.operations.map(({ subject, key, value, counter, device }) => ({
      subject,
      key,
      value,
      counter,
      device,
    })),
    supersedes: note.supersedes.map(({ feed, from, to }) => ({ feed, from, to })),
  });
}

export function decodeNoteBody(bytes: Uint8Array): NoteReading {
  try {
    const note = noteSchema.parse(JSON.parse(fromUtf8(bytes)));
    return {
      status: 'read',
      note: { operations: note.operations as Operation[], supersedes: note.supersedes as NotePlace[] },
    };
  } catch {
    return { status: 'malformed' }; // written by a device of this account; the caller records it
  }
}

/** All notes of an account stand in one conversation, which needs no order. */
export const NOTES_CONVERSATION: ConversationId = parseConversationId('00000000000000000000000000000001');

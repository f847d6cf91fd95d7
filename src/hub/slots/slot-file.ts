/**
 * The slots of one user, in a file of their folder. Nothing in it is secret without a credential. Every change is on disk
 * before it is answered, by a new file that takes the old one's place.
 */
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fromBase64, toBase64 } from '../../base/index.ts';
import { SCOPES } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { SESSION_SLOTS_MAX, SLOT_FILE_BYTES_MAX, SLOT_NAME_CHARACTERS_MAX, SLOTS_MAX } from './limits.ts';
import type { Slot } from './slot.ts';

const FILE = 'slots.json';
const FILE_VERSION = 1;

const bytes = z.string().transform((text) => fromBase64(text));
const schema = z.strictObject({
  version: z.literal(FILE_VERSION),
  slots: z
    .array(
      z.strictObject({
        id: z.string().regex(/^[0-9a-f]{16}$/),
        kind: z.enum(['password', 'app', 'session']),
        name: z.string().max(SLOT_NAME_CHARACTERS_MAX),
        scopes: z.array(z.enum(SCOPES)),
        createdAt: z.int(),
        expiresAt: z.int().optional(),
        parent: z.string().optional(),
        stretching: z
          .strictObject({
            algorithm: z.literal('argon2id'),
            salt: bytes,
            memoryKib: z.int(),
            passes: z.int(),
            lanes: z.int(),
          })
          .optional(),
        wrapped: bytes,
      }),
    )
    .max(SLOTS_MAX),
});

/** Empty for a user who has never been here. Throws HubError `malformed`. */
export async function readSlots(folder: string): Promise<readonly Slot[]> {
  let text: string;
  try {
    text = await readFile(join(folder, FILE), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  try {
    if (text.length > SLOT_FILE_BYTES_MAX) throw new HubError('too_large', 'a file of slots is small');
    const stored = JSON.parse(text) as { readonly version?: unknown };
    if (typeof stored.version === 'number' && stored.version > FILE_VERSION)
      throw new HubError('malformed', `the slots of ${folder} were written by a newer version of Restante`, {
        fix: 'Use that version again.',
      });
    return schema.parse(stored).slots;
  } catch (cause) {
    if (cause instanceof HubError && cause.code === 'malformed') throw cause;
    throw new HubError('malformed', `the slots of ${folder} cannot be read`, { cause });
  }
}

/** Adds a slot: a password takes the place of the one before, sessions beyond the bound are forgotten, the first ones first. */
export function withSlot(slots: readonly Slot[], added: Slot, now: number): readonly Slot[] {
  const kept = slots.filter(
    (slot) =>
      (slot.expiresAt ?? Number.POSITIVE_INFINITY) > now && !(added.kind === 'password' && slot.kind === 'password'),
  );
  const sessions = kept.filter(({ kind }) => kind === 'session').sort((a, b) => a.createdAt - b.createdAt);
  const surplus = new Set(sessions.slice(0, Math.max(0, sessions.length - SESSION_SLOTS_MAX + 1)));
  const result = [...kept.filter((slot) => added.kind !== 'session' || !surplus.has(slot)), added];
  if (result.length > SLOTS_MAX)
    throw new HubError('busy', 'there are too many app passwords', { fix: 'Revoke one that is not used.' });
  return result;
}

export async function writeSlots(folder: string, slots: readonly Slot[]): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, FILE);
  const stored = slots.map((slot) => ({
    ...slot,
    wrapped: toBase64(slot.wrapped),
    ...(slot.stretching === undefined
      ? {}
      : { stretching: { ...slot.stretching, salt: toBase64(slot.stretching.salt) } }),
  }));
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ version: 1, slots: stored })}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Which attachments go within the mail and which beside it: the largest go, until the rest fits. */
import { concatBytes } from '../../base/index.ts';
import { type Attached, attachedOf, encodeManifest, MANIFEST_TYPE } from '../../protocol/index.ts';
import { type AttachmentSource, contentOf } from '../attachments/source.ts';
import type { Staging } from '../attachments/staging.ts';
import { ATTACHING_BYTES_MAX } from '../limits.ts';
import { type Attachment, encodeContent } from './mime-message.ts';

export interface AttachingDeps {
  readonly staging: Pick<Staging, 'stage' | 'drop'>;
  readonly onProgress: (name: string, done: number, total: number) => void;
}

/** What the mail says in the clear to its readers, and in its header to servers. */
export interface Attaching {
  readonly attachments: readonly Attachment[];
  readonly attached: readonly Attached[];
}

/** On disk when it resolves. Throws as `Staging.stage`; then nothing is kept. */
export async function attach(
  { onProgress, staging }: AttachingDeps,
  given: readonly (Attachment | AttachmentSource)[],
  textBytes: number,
  signal: AbortSignal | undefined,
): Promise<Attaching> {
  const large = tooLarge(given, ATTACHING_BYTES_MAX - textBytes);
  const attachments: Attachment[] = [];
  const attached: Attached[] = [];
  try {
    for (const item of given) {
      if (!large.has(item)) {
        attachments.push('content' in item ? item : { ...item, content: await contentOf(item) });
        continue;
      }
      const source = 'content' in item ? sourceOf(item) : item;
      const progress = (done: number): void => onProgress(source.name, done, source.size);
      const manifest = await staging.stage(source, { signal, onProgress: progress });
      attached.push(attachedOf(manifest));
      attachments.push({ name: item.name, type: MANIFEST_TYPE, content: encodeManifest(manifest) });
    }
    return { attachments, attached };
  } catch (error) {
    await staging.drop(attached.map(({ list }) => list));
    throw error;
  }
}

/** What another program wrote, with a manifest in the place of each source. On disk when it resolves; throws as `attach`. */
export async function attachWithin(
  { onProgress, staging }: AttachingDeps,
  pieces: readonly (Uint8Array | AttachmentSource)[],
  signal: AbortSignal | undefined,
): Promise<{ readonly mime: Uint8Array; readonly attached: readonly Attached[] }> {
  const octets: Uint8Array[] = [];
  const attached: Attached[] = [];
  try {
    for (const piece of pieces) {
      if (piece instanceof Uint8Array) {
        octets.push(piece);
        continue;
      }
      const progress = (done: number): void => onProgress(piece.name, done, piece.size);
      const manifest = await staging.stage(piece, { signal, onProgress: progress });
      attached.push(attachedOf(manifest));
      octets.push(encodeContent(MANIFEST_TYPE, piece.name, encodeManifest(manifest)));
    }
    return { mime: concatBytes(...octets), attached };
  } catch (error) {
    await staging.drop(attached.map(({ list }) => list));
    throw error;
  }
}

function tooLarge(
  given: readonly (Attachment | AttachmentSource)[],
  room: number,
): ReadonlySet<Attachment | AttachmentSource> {
  const bySize = [...given].sort((a, b) => sizeOf(b) - sizeOf(a));
  let total = bySize.reduce((sum, item) => sum + sizeOf(item), 0);
  const large = new Set<Attachment | AttachmentSource>();
  for (const item of bySize) {
    if (total <= room) break;
    total -= sizeOf(item);
    large.add(item);
  }
  return large;
}

function sizeOf(item: Attachment | AttachmentSource): number {
  return 'content' in item ? item.content.length : item.size;
}

/** One that is in memory. */
export function sourceOf({ content, name, type }: Attachment): AttachmentSource {
  return {
    name,
    ...(type === undefined ? {} : { type }),
    size: content.length,
    open: async function* () {
      yield content;
    },
  };
}

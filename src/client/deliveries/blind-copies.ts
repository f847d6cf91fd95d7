/**
 * Which mail a blind copy is of. Each goes in a PDU of its own that its author has not, so the author's devices tell one
 * another, in a note that nobody else reads.
 */
import { type PduId, parsePduId } from '../../protocol/index.ts';
import type { StoreReader } from '../../store/index.ts';
import { type MailIndex, messageSubject } from '../mail/mail-index.ts';
import type { Change } from '../notes/notes.ts';

/** The register of a blind copy. */
const COPY_OF = 'copyOf';

/** What the author's devices are to know of it. */
export function copyOf(copy: PduId, mail: PduId): Change {
  return { subject: messageSubject(copy), key: COPY_OF, value: mail };
}

/** The mail that its author has; `id` itself for what is no blind copy. */
export async function mailOfCopy(index: MailIndex, reader: StoreReader, id: PduId): Promise<PduId> {
  const value = (await index.registersOf(reader, messageSubject(id)))[COPY_OF]?.value;
  return typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? parsePduId(value) : id;
}

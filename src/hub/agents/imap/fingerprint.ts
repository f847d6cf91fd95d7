/** What a message is known by when it has another UID than before: its header, however its lines end. */
import { createHash } from 'node:crypto';

export function fingerprintOf(headerBlock: Uint8Array): string {
  const text = Buffer.from(headerBlock).toString('latin1').replaceAll('\r', '').trimEnd();
  return createHash('sha256').update(text, 'latin1').digest('base64url').slice(0, 22);
}

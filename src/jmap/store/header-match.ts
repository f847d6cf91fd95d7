/** The condition on any header field, for which there is no index: each candidate's header is read. */
import { inflateRawSync } from 'node:zlib';
import { readHeaderBlock } from '../mime/header-block.ts';
import { parseText } from '../mime/header-forms.ts';

/** Whether a kept header block has a field of that name, with that text in its decoded value. */
export function headerMatches(block: Uint8Array, name: string, text: string | null): boolean {
  const bytes = inflateRawSync(block);
  const wanted = text?.toLowerCase();
  return readHeaderBlock(bytes, 0, bytes.length).fields.some(
    (field) =>
      field.name.toLowerCase() === name &&
      (wanted === undefined || parseText(field.value).toLowerCase().includes(wanted)),
  );
}

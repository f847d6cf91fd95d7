/**
 * What ties a body to its PDU: OpenPGP signature notations that say which conversation, author, recipients, kind and time
 * the signed text was written for. A recipient can decrypt a body and encrypt it anew to others, signature and all; under
 * another header its notations contradict it. Notations are human-readable and not critical: other programs show them.
 */
import { sha256 } from '@noble/hashes/sha2.js';
import type { RawNotation } from 'openpgp';
import { equalBytes, toHex, utf8 } from '../base/index.ts';
import type { PduContent } from '../protocol/index.ts';
import { RECIPIENTS_NOTATION_CHARACTERS_MAX } from './limits.ts';

/** The fields of a PDU that its body's signature repeats; a PDU is one. `time` in milliseconds since 1970. */
export type BodyBinding = Pick<PduContent, 'type' | 'conversation' | 'author' | 'recipients' | 'time'>;
export type BoundField = keyof BodyBinding;

/** These fields of a PDU and nothing else of it. */
export function bindingOf({ type, conversation, author, recipients, time }: BodyBinding): BodyBinding {
  return { type, conversation, author, recipients, time };
}

/** Each field's notation is `<field>@restante.org` (docs/protocol/body.md#notations). */
const NOTATION_DOMAIN = 'restante.org';
const FIELDS: readonly BoundField[] = ['type', 'conversation', 'author', 'recipients', 'time'];

export function bindingNotations(binding: BodyBinding): RawNotation[] {
  return FIELDS.map((field) => ({
    name: nameOf(field),
    value: utf8(spellField(binding, field)),
    humanReadable: true,
    critical: false,
  }));
}

export type BindingVerdict =
  | { readonly kind: 'bound' }
  | { readonly kind: 'unbound' } // another program's signature: it says nothing of ours
  | { readonly kind: 'rebound'; readonly field: BoundField };

/** Whether a signature's notations (of its hashed part) are those of `binding`. */
export function judgeBinding(notations: readonly RawNotation[], binding: BodyBinding): BindingVerdict {
  const known = FIELDS.map((field) => ({ field, found: notations.filter(({ name }) => name === nameOf(field)) }));
  if (known.every(({ found }) => found.length === 0)) return { kind: 'unbound' };
  for (const { field, found } of known) {
    const [notation, ...others] = found;
    const expected = utf8(spellField(binding, field));
    // A missing or doubled one is as wrong as a different one: we always write each once.
    if (notation === undefined || others.length > 0 || !equalBytes(notation.value, expected))
      return { kind: 'rebound', field };
  }
  return { kind: 'bound' };
}

function nameOf(field: BoundField): string {
  return `${field}@${NOTATION_DOMAIN}`;
}

function spellField(binding: BodyBinding, field: BoundField): string {
  if (field === 'recipients') return spellRecipients(binding.recipients);
  return String(binding[field]);
}

/** In code-unit order, since an address is ASCII, with a space between; the hash of that where it would be long. */
function spellRecipients(recipients: BodyBinding['recipients']): string {
  const list = [...recipients].sort().join(' ');
  return list.length <= RECIPIENTS_NOTATION_CHARACTERS_MAX ? list : `sha256:${toHex(sha256(utf8(list)))}`;
}

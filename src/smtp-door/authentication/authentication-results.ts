/**
 * The Authentication-Results field (RFC 8601): what this home found, for the programs of its people, and for nobody who writes
 * one themselves: fields that name this home as their author are taken away before ours is added (section 5).
 */
import { fieldText, type HeaderField } from '../header-fields.ts';
import type { Verdict } from './authentication.ts';
import type { DkimVerdict } from './signatures.ts';

/** Lines as they stand in a header, without the last line end. `receiver` is the mail domain. */
export function encodeResults(receiver: string, { dmarc, signatures, spf }: Verdict): string {
  const { arc, dkim } = signatures;
  const methods = [
    method('spf', spf.result, { [`smtp.${spf.identity}`]: spf.domain }),
    ...(dkim.length === 0 ? ['dkim=none'] : dkim.map(encodeDkim)),
    ...(arc === 'none' ? [] : [`arc=${arc}`]),
    method('dmarc', dmarc.result, {
      'header.from': dmarc.domain,
      ...(dmarc.policy === 'none' ? {} : { 'policy.dmarc': dmarc.policy }),
    }),
  ];
  return [`Authentication-Results: ${receiver}`, ...methods].join(';\r\n\t');
}

/** Whether the field claims to be this home's. */
export function isForged(field: HeaderField, receiver: string): boolean {
  return field.name === 'authentication-results' && authorOf(fieldText(field)) === receiver.toLowerCase();
}

function encodeDkim({ algorithm, digits, domain, result, selector }: DkimVerdict): string {
  return method('dkim', result, {
    'header.d': domain,
    'header.s': selector,
    'header.a': algorithm,
    'header.b': digits,
  });
}

function method(name: string, result: string, properties: Readonly<Record<string, string>>): string {
  const told = Object.entries(properties).filter(([, value]) => value !== '');
  return [`${name}=${result}`, ...told.map(([key, value]) => `${key}=${pvalue(value)}`)].join(' ');
}

/** A token, or a quoted string; what strangers wrote ends no line, no string and no comment. */
function pvalue(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9.@+/=_-]/g, '_').slice(0, 255);
  return /[/=@]/.test(plain) ? `"${plain}"` : plain;
}

/** Who a field says that it is of: the first word, in quotes or not, behind any comments. */
function authorOf(value: string): string {
  let at = 0;
  for (let depth = 0; at < value.length; at++) {
    const character = value[at] ?? '';
    if (character === '\\' && depth > 0) at++;
    else if (character === '(') depth++;
    else if (character === ')' && depth > 0) depth--;
    else if (depth === 0 && !/\s/.test(character)) break;
  }
  const [, quoted, word = ''] = /^(?:"((?:[^"\\]|\\.)*)"|([^\s;(]*))/.exec(value.slice(at)) ?? [];
  return (quoted?.replace(/\\(.)/g, '$1') ?? word).trim().toLowerCase();
}

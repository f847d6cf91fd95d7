/** Links that begin a letter (RFC 6068). */
import type { EmailAddress } from '../jmap/objects.ts';
import { decoded } from './escapes.ts';
import { parsePerson } from './people.ts';

export interface LinkedLetter {
  readonly to: readonly EmailAddress[];
  readonly cc: readonly EmailAddress[];
  readonly bcc: readonly EmailAddress[];
  readonly subject: string;
  readonly text: string;
}

/** Undefined for other links. */
export function letterOf(href: string): LinkedLetter | undefined {
  const [whole, to = '', query = ''] = /^mailto:([^?]*)\??(.*)$/is.exec(href) ?? [];
  if (whole === undefined) return undefined;
  const fields = query.split('&').map((field): readonly [string, string] => {
    const [name = '', ...value] = field.split('=');
    return [decoded(name).toLowerCase(), value.join('=')];
  });
  const valuesOf = (name: string): string[] => fields.flatMap(([each, value]) => (each === name ? [value] : []));
  return {
    to: peopleIn([to, ...valuesOf('to')]),
    cc: peopleIn(valuesOf('cc')),
    bcc: peopleIn(valuesOf('bcc')),
    subject: decoded(valuesOf('subject')[0] ?? ''),
    text: decoded(valuesOf('body')[0] ?? '').replace(/\r\n?/g, '\n'),
  };
}

/** A comma within a name or an address is escaped. */
function peopleIn(lists: readonly string[]): EmailAddress[] {
  return lists.flatMap((list) => list.split(',')).flatMap((one) => parsePerson(decoded(one)) ?? []);
}

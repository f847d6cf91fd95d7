/** People as they are shown and typed. */
import type { EmailAddress } from '../jmap/objects.ts';

/** A home on this machine has a port in its name. */
const ADDRESS = /^[^\s@<>(),;:"]+@[^\s@<>(),;:"]+(:\d{1,5})?$/;

export function nameOf({ email, name }: EmailAddress): string {
  return name?.trim() || email;
}

/** As there is room for in a row. */
export function shortNameOf({ email, name }: EmailAddress): string {
  return name?.trim() || (email.split('@')[0] ?? email);
}

export function spell({ email, name }: EmailAddress): string {
  return name?.trim() ? `${name.trim()} <${email}>` : email;
}

/** Undefined for what is no address. */
export function parsePerson(text: string): EmailAddress | undefined {
  const [, name = '', bracketed] = /^\s*"?(.*?)"?\s*<([^<>]+)>\s*$/.exec(text) ?? [];
  const email = (bracketed ?? text).trim();
  return ADDRESS.test(email) ? { name: name.trim() || null, email } : undefined;
}

export function initialsOf(person: EmailAddress): string {
  const words = nameOf(person)
    .replace(/@.*/, '')
    .split(/[\s._-]+/)
    .filter(Boolean);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  return letters
    .map((word) => [...(word ?? '?')][0])
    .join('')
    .toLocaleUpperCase();
}

/** The same for one person always: degrees of a colour. */
export function hueOf({ email }: EmailAddress): number {
  let hash = 7;
  for (const letter of email.toLowerCase()) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 3_600_011;
  return (hash * 47) % 360;
}

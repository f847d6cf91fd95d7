/** What is typed into the search field, as a filter of JMAP: words, "exact words", -not and operators. */
import type { Mailbox } from '../jmap/objects.ts';

type Filter = Readonly<Record<string, unknown>>;

const TERM = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/giu;
const FIELDS = ['from', 'to', 'cc', 'bcc', 'subject', 'body'];
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

const EVERYTHING: Filter = { operator: 'AND', conditions: [] };
const NOTHING: Filter = { operator: 'OR', conditions: [] };

interface Searched {
  readonly id: string;
  readonly mailboxes: { readonly all: readonly Mailbox[] };
}

interface Term {
  readonly isNot: boolean;
  readonly operator: string | undefined;
  readonly value: string;
  readonly isQuoted: boolean;
  /** What stands there, for what is no operator. */
  readonly text: string;
}

/** By account, since each has mailboxes of its own. Trash and junk are left out, unless it is said where to look. */
export function searchFilters(text: string, accounts: readonly Searched[]): Readonly<Record<string, Filter>> {
  const terms = [...text.matchAll(TERM)].map(([whole, minus = '', operator, quoted, word]) => ({
    ...{ isNot: minus === '-', operator: operator?.toLowerCase(), text: whole.slice(minus.length) },
    ...{ value: quoted ?? word ?? '', isQuoted: quoted !== undefined },
  }));
  const asked = terms.filter(({ value }) => value !== '');
  const everywhere = accounts.flatMap(({ mailboxes }) => mailboxes.all);
  return Object.fromEntries(accounts.map(({ id, mailboxes }) => [id, filterOf(asked, mailboxes.all, everywhere)]));
}

function filterOf(terms: readonly Term[], mailboxes: readonly Mailbox[], everywhere: readonly Mailbox[]): Filter {
  let saysWhere = false;
  const conditions = terms.map((term): Filter => {
    const condition = conditionOf(term, mailboxes, everywhere);
    saysWhere ||= condition !== undefined && !term.isNot && isPlace(term);
    const found = condition ?? { text: term.text };
    return term.isNot ? { operator: 'NOT', conditions: [found] } : found;
  });
  const away = mailboxes.filter(({ role }) => role === 'trash' || role === 'junk').map(({ id }) => id);
  const elsewhere = saysWhere || away.length === 0 ? [] : [{ inMailboxOtherThan: away }];
  return { operator: 'AND', conditions: [...conditions, ...elsewhere] };
}

function isPlace({ operator }: Term): boolean {
  return operator === 'in' || operator === 'label';
}

/** Undefined for what is no operator: it is looked for as a word then. */
function conditionOf(
  { isQuoted, operator, value }: Term,
  mailboxes: readonly Mailbox[],
  everywhere: readonly Mailbox[],
): Filter | undefined {
  if (operator === undefined) return { text: isQuoted ? `"${value}"` : value };
  if (FIELDS.includes(operator)) return { [operator]: isQuoted ? `"${value}"` : value };
  switch (operator) {
    case 'has':
      return /^attach/i.test(value) ? { hasAttachment: true } : undefined;
    case 'is':
      return stateOf(value.toLowerCase());
    case 'in':
    case 'label':
      return placeCondition(value.toLowerCase(), mailboxes, everywhere);
    case 'before':
    case 'after': {
      const at = new Date(`${value}T00:00:00`);
      return Number.isNaN(at.getTime()) ? undefined : { [operator]: at.toISOString().replace(/\.\d+Z$/, 'Z') };
    }
    case 'larger':
    case 'smaller': {
      const [, number, unit = ''] = /^([\d.]+)([kmg]?)b?$/i.exec(value) ?? [];
      if (number === undefined) return undefined;
      const size = Math.round(Number(number) * (UNIT_BYTES[unit.toLowerCase()] ?? 1));
      return { [operator === 'larger' ? 'minSize' : 'maxSize']: size };
    }
    default:
      return undefined;
  }
}

function stateOf(word: string): Filter | undefined {
  switch (word) {
    case 'unread':
      return { notKeyword: '$seen' };
    case 'read':
      return { hasKeyword: '$seen' };
    case 'starred':
    case 'flagged':
      return { hasKeyword: '$flagged' };
    case 'answered':
      return { hasKeyword: '$answered' };
    case 'draft':
      return { hasKeyword: '$draft' };
    default:
      return undefined;
  }
}

function placeCondition(
  word: string,
  mailboxes: readonly Mailbox[],
  everywhere: readonly Mailbox[],
): Filter | undefined {
  if (word === 'anywhere') return EVERYTHING;
  const isNamed = ({ name, role }: Mailbox): boolean => role === word || name.toLowerCase() === word;
  const found = mailboxes.find(isNamed);
  if (found !== undefined) return { inMailbox: found.id };
  // Another account has it.
  return everywhere.some(isNamed) ? NOTHING : undefined;
}

/** Text with `<mark>`, which the server has escaped, as pieces that need no HTML. */
export function piecesOf(snippet: string): readonly { readonly text: string; readonly isMarked: boolean }[] {
  // Every third part is the name of the mark, the one after it is marked.
  return snippet
    .split(/<(mark)>([\s\S]*?)<\/mark>/)
    .flatMap((part, index) =>
      index % 3 === 1 || part === '' ? [] : [{ text: unescaped(part), isMarked: index % 3 === 2 }],
    );
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'", apos: "'" };

function unescaped(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|#39|apos);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** What is typed into the search field, as a filter of JMAP: words, "exact words", -not and operators. */
import type { Mailbox } from '../jmap/objects.ts';

type Filter = Readonly<Record<string, unknown>>;

const TERM = /(-?)(?:([a-z]+):)?(?:"([^"]*)"?|(\S+))/giu;
const FIELDS = ['from', 'to', 'cc', 'bcc', 'subject', 'body'];
const UNIT_BYTES: Readonly<Record<string, number>> = { '': 1, k: 1e3, m: 1e6, g: 1e9 };

/** Undefined when nothing is asked for. */
export function parseSearch(text: string, mailboxes: readonly Mailbox[]): Filter | undefined {
  const conditions = [...text.matchAll(TERM)].flatMap(([whole, minus, operator, quoted, word]) => {
    const value = quoted ?? word ?? '';
    const condition = conditionOf(operator?.toLowerCase(), value, quoted !== undefined, mailboxes) ?? {
      text: whole.slice(minus?.length ?? 0),
    };
    if (value === '') return [];
    return [minus === '-' ? { operator: 'NOT', conditions: [condition] } : condition];
  });
  if (conditions.length === 0) return undefined;
  const looksIntoTrash = /\b(in|is):/i.test(text);
  const away = mailboxes.filter(({ role }) => role === 'trash' || role === 'junk').map(({ id }) => id);
  const everywhere = looksIntoTrash || away.length === 0 ? [] : [{ inMailboxOtherThan: away }];
  return { operator: 'AND', conditions: [...conditions, ...everywhere] };
}

/** Undefined for what is no operator: it is looked for as a word then. */
function conditionOf(
  operator: string | undefined,
  value: string,
  isQuoted: boolean,
  mailboxes: readonly Mailbox[],
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
      return mailboxCondition(value.toLowerCase(), mailboxes);
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

function mailboxCondition(word: string, mailboxes: readonly Mailbox[]): Filter | undefined {
  const found = mailboxes.find(({ name, role }) => role === word || name.toLowerCase() === word);
  return found === undefined ? undefined : { inMailbox: found.id };
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

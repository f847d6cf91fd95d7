/** What Email/query looks for (RFC 8621, sections 4.4.1 and 4.4.2), as values. Compiled to SQL in `email-query`. */

export type EmailCondition =
  | { readonly kind: 'inMailbox'; readonly mailboxId: string }
  | { readonly kind: 'inMailboxOtherThan'; readonly mailboxIds: readonly string[] }
  | { readonly kind: 'before' | 'after'; readonly at: number }
  | { readonly kind: 'minSize' | 'maxSize'; readonly size: number }
  | {
      readonly kind:
        | 'hasKeyword'
        | 'notKeyword'
        | 'allInThreadHaveKeyword'
        | 'someInThreadHaveKeyword'
        | 'noneInThreadHaveKeyword';
      readonly keyword: string;
    }
  | { readonly kind: 'hasAttachment'; readonly value: boolean }
  | { readonly kind: 'text' | 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'body'; readonly text: string }
  | { readonly kind: 'header'; readonly name: string; readonly text: string | undefined };

export type EmailFilter =
  | EmailCondition
  | { readonly kind: 'AND' | 'OR' | 'NOT'; readonly conditions: readonly EmailFilter[] };

export const SORT_PROPERTIES = [
  'receivedAt',
  'sentAt',
  'size',
  'from',
  'to',
  'subject',
  'hasKeyword',
  'allInThreadHaveKeyword',
  'someInThreadHaveKeyword',
] as const;

export type SortProperty = (typeof SORT_PROPERTIES)[number];

export interface EmailComparator {
  readonly property: SortProperty;
  readonly isAscending: boolean;
  readonly collation: string;
  /** Of those that look at one. */
  readonly keyword: string;
}

export interface EmailQuery {
  readonly filter: EmailFilter;
  readonly sort: readonly EmailComparator[];
  readonly collapseThreads: boolean;
}

/** Conditions and sort properties of what changes: a body may come later than its header. */
const MUTABLE = /Mailbox|Keyword|Size|^(?:body|hasAttachment|size|text)$/;

/** Whether the emails that match, or their order, never change but by their coming and going. */
export function isImmutable({ filter, sort }: EmailQuery): boolean {
  return isFilterImmutable(filter) && !sort.some(({ property }) => MUTABLE.test(property));
}

function isFilterImmutable(filter: EmailFilter): boolean {
  if ('conditions' in filter) return filter.conditions.every(isFilterImmutable);
  return !MUTABLE.test(filter.kind);
}

/** Whether it looks into headers or texts, which are read back from the journal only when somebody wants them. */
export function looksIntoTexts({ filter }: EmailQuery): boolean {
  return filterLooksIntoTexts(filter);
}

function filterLooksIntoTexts(filter: EmailFilter): boolean {
  if ('conditions' in filter) return filter.conditions.some(filterLooksIntoTexts);
  return filter.kind === 'header' || ('text' in filter && typeof filter.text === 'string');
}

/** Whether what other emails of a thread are like decides on an email. */
export function looksAtThreads({ filter, sort }: EmailQuery): boolean {
  return filterLooksAtThreads(filter) || sort.some(({ property }) => property.includes('InThread'));
}

function filterLooksAtThreads(filter: EmailFilter): boolean {
  return 'conditions' in filter ? filter.conditions.some(filterLooksAtThreads) : filter.kind.includes('InThread');
}

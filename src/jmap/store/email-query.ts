/**
 * Compiles a query over emails to one SQL statement. A query within one mailbox reads that mailbox's own index, which is in
 * the order of arrival, and looks at emails only where a condition needs them; so the first page of a large mailbox costs
 * what a page costs.
 */
import type { EmailComparator, EmailCondition, EmailFilter, EmailQuery } from './email-filter.ts';
import { FLAG_KEYWORDS } from './emails.ts';
import type { SqlValue } from './journal.ts';
import { SEARCH_COLUMNS, type SearchColumn, searchExpression } from './search-index.ts';

export interface CompiledQuery {
  /** Yields `id` and `thread` in order. */
  readonly select: string;
  /** Yields `total`. */
  readonly count: string;
  readonly values: readonly SqlValue[];
}

/** `mailboxNumber` is 0 for one that does not exist: nothing is in it. */
export function compileQuery(query: EmailQuery, account: number, mailboxNumber: (id: string) => number): CompiledQuery {
  return new QueryCompiler(account, mailboxNumber).compile(query);
}

class QueryCompiler {
  readonly #account: number;
  readonly #mailboxNumber: (id: string) => number;
  #values: SqlValue[] = [];
  #isInMailbox = false;
  #needsEmail = false;

  constructor(account: number, mailboxNumber: (id: string) => number) {
    this.#account = account;
    this.#mailboxNumber = mailboxNumber;
  }

  compile({ filter, sort, collapseThreads }: EmailQuery): CompiledQuery {
    const { mailboxId, rest } = drivingMailbox(filter);
    this.#isInMailbox = mailboxId !== undefined;
    if (mailboxId !== undefined) this.#values.push(this.#mailboxNumber(mailboxId));
    else this.#values.push(this.#account);
    const where = rest.map((condition) => this.#filter(condition));
    const conditionValues = this.#values;
    this.#values = [];
    const order = this.#order(sort);
    const orderValues = this.#values;
    const from = this.#isInMailbox
      ? `member m${this.#needsEmail ? ' CROSS JOIN email e ON e.n = m.email' : ''} WHERE m.mailbox = ?`
      : 'email e WHERE e.account = ?';
    const body = [from, ...where].join(' AND ');
    return {
      select: `SELECT ${this.#column('id')} AS id, ${this.#column('thread')} AS thread FROM ${body} ORDER BY ${order}`,
      count: `SELECT count(${collapseThreads ? `DISTINCT ${this.#column('thread')}` : '*'}) AS total FROM ${body}`,
      values: [...conditionValues, ...orderValues],
    };
  }

  /** A column that both tables have. */
  #column(name: 'id' | 'thread' | 'received'): string {
    return this.#isInMailbox ? `m.${name}` : `e.${name}`;
  }

  #number(): string {
    return this.#isInMailbox ? 'm.email' : 'e.n';
  }

  #email(name: string): string {
    this.#needsEmail = true;
    return `e.${name}`;
  }

  #value(value: SqlValue): string {
    this.#values.push(value);
    return '?';
  }

  #filter(filter: EmailFilter): string {
    if (!('conditions' in filter)) return this.#condition(filter);
    const conditions = filter.conditions.map((condition) => this.#filter(condition));
    if (filter.kind === 'AND') return conditions.length === 0 ? '1' : `(${conditions.join(' AND ')})`;
    const any = conditions.length === 0 ? '0' : `(${conditions.join(' OR ')})`;
    return filter.kind === 'OR' ? any : `NOT ${any}`;
  }

  #condition(condition: EmailCondition): string {
    switch (condition.kind) {
      case 'inMailbox':
        return `instr(${this.#email('mailboxes')}, ${this.#value(` ${this.#mailboxNumber(condition.mailboxId)} `)}) > 0`;
      case 'inMailboxOtherThan': {
        const others = condition.mailboxIds.map((id) => this.#value(this.#mailboxNumber(id)));
        return exists(`email o, json_each('[' || replace(trim(o.mailboxes), ' ', ',') || ']') j
          WHERE o.n = ${this.#number()} AND j.value NOT IN (${others.join(', ')})`);
      }
      case 'before':
        return `${this.#column('received')} < ${this.#value(condition.at)}`;
      case 'after':
        return `${this.#column('received')} >= ${this.#value(condition.at)}`;
      case 'minSize':
        return `${this.#email('size')} >= ${this.#value(condition.size)}`;
      case 'maxSize':
        return `${this.#email('size')} < ${this.#value(condition.size)}`;
      case 'hasAttachment':
        return `${this.#email('attachment')} = ${condition.value ? 1 : 0}`;
      case 'hasKeyword':
        return this.#keyword(condition.keyword);
      case 'notKeyword':
        return `NOT ${this.#keyword(condition.keyword)}`;
      case 'allInThreadHaveKeyword':
      case 'someInThreadHaveKeyword':
      case 'noneInThreadHaveKeyword':
        return this.#threadKeyword(condition.kind, condition.keyword);
      case 'header':
        return this.#header(condition.name, condition.text);
      default:
        return this.#search(condition.text, columnsOf(condition.kind));
    }
  }

  #keyword(keyword: string): string {
    const bit = FLAG_KEYWORDS.indexOf(keyword);
    if (this.#isInMailbox && bit >= 0) return `((m.flags & ${1 << bit}) <> 0)`;
    return `(instr(${this.#email('keywords')}, ${this.#value(` ${keyword} `)}) > 0)`;
  }

  #threadKeyword(kind: string, keyword: string): string {
    const wanted = kind === 'allInThreadHaveKeyword' ? '= 0' : '> 0';
    const isSome = exists(`email o WHERE o.thread = ${this.#column('thread')}
      AND instr(o.keywords, ${this.#value(` ${keyword} `)}) ${wanted}`);
    return kind === 'someInThreadHaveKeyword' ? isSome : `NOT ${isSome}`;
  }

  #header(name: string, text: string | undefined): string {
    return exists(`header h WHERE h.email = ${this.#number()}
      AND header_matches(h.block, ${this.#value(name.toLowerCase())}, ${this.#value(text ?? null)})`);
  }

  #search(text: string, columns: readonly SearchColumn[]): string {
    const expression = searchExpression(text, columns);
    // No word to look for is in every email.
    if (expression === undefined) return '1';
    return `${this.#number()} IN (SELECT rowid FROM search WHERE search MATCH ${this.#value(expression)})`;
  }

  #order(sort: readonly EmailComparator[]): string {
    const last = sort.at(-1);
    // By arrival and id in the end, in one direction, so that an index can yield the order.
    const tie = last === undefined || !last.isAscending ? 'DESC' : 'ASC';
    const comparators = sort.map(
      (comparator) => `${this.#sortValue(comparator)} ${comparator.isAscending ? 'ASC' : 'DESC'}`,
    );
    const isByArrival = last?.property === 'receivedAt';
    return [
      ...comparators,
      ...(isByArrival ? [] : [`${this.#column('received')} ${tie}`]),
      `${this.#column('id')} ${tie}`,
    ].join(', ');
  }

  #sortValue({ property, collation, keyword }: EmailComparator): string {
    switch (property) {
      case 'receivedAt':
        return this.#column('received');
      case 'sentAt':
        return this.#email('sent');
      case 'size':
        return this.#email('size');
      case 'subject':
        return `sort_key(base_subject(${this.#email('envelope')} ->> '$.subject'), ${this.#value(collation)})`;
      case 'from':
      case 'to': {
        const first = `${this.#email('envelope')} ->> '$.${property}[0]`;
        return `sort_key(coalesce(nullif(${first}.name', ''), ${first}.email', ''), ${this.#value(collation)})`;
      }
      case 'hasKeyword':
        return this.#keyword(keyword);
      default:
        return `(${this.#threadKeyword(property, keyword)})`;
    }
  }
}

/** As a value: of a bare EXISTS, SQLite 3.53 makes a join, whose rows OFFSET then counts, several for one email. */
function exists(from: string): string {
  return `(EXISTS (SELECT 1 FROM ${from}) = 1)`;
}

/** The mailbox that every match is in, and what else must hold. */
function drivingMailbox(filter: EmailFilter): { mailboxId: string | undefined; rest: readonly EmailFilter[] } {
  if (filter.kind === 'inMailbox') return { mailboxId: filter.mailboxId, rest: [] };
  if (filter.kind !== 'AND') return { mailboxId: undefined, rest: [filter] };
  const flat = filter.conditions.flatMap((condition) =>
    condition.kind === 'AND' ? condition.conditions : [condition],
  );
  const index = flat.findIndex(({ kind }) => kind === 'inMailbox');
  const driving = flat[index];
  if (driving?.kind !== 'inMailbox') return { mailboxId: undefined, rest: flat };
  return { mailboxId: driving.mailboxId, rest: flat.filter((_, at) => at !== index) };
}

function columnsOf(kind: 'text' | 'from' | 'to' | 'cc' | 'bcc' | 'subject' | 'body'): readonly SearchColumn[] {
  if (kind === 'text') return SEARCH_COLUMNS;
  return [kind === 'from' ? 'sender' : kind === 'to' ? 'recipient' : kind];
}

/** What keys do, as mail programs have taught people. Not while they type, and not with the browser's own modifiers. */

import { texts } from '../texts/texts.svelte.ts';
import type { AnswerKind } from './answering.ts';
import type { Mail } from './mail.svelte.ts';
import type { ThreadRow } from './thread-list.svelte.ts';

export interface KeyDeps {
  readonly mail: () => Mail;
  readonly open: (row: ThreadRow) => void;
  readonly openMenu: (name: 'move' | 'label') => void;
  readonly focusSearch: () => void;
  readonly focusList: () => void;
  readonly reveal: (position: number) => void;
  readonly help: () => void;
}

/** Keys by what they do, for the help: the names are those of the texts. */
export const KEY_NAMES = {
  next: 'j',
  previous: 'k',
  open: 'o  Enter',
  back: 'u  Esc',
  archive: 'e',
  delete: '#',
  junk: '!',
  flag: 's',
  read: 'U',
  select: 'x',
  move: 'v',
  label: 'l',
  reply: 'r',
  replyAll: 'a',
  forward: 'f',
  compose: 'c',
  send: 'Ctrl Enter',
  undo: 'z',
  search: '/',
  goInbox: 'g i',
  goDrafts: 'g d',
  goSent: 'g s',
  goArchive: 'g a',
  help: '?',
} as const;

const PLACES: Readonly<Record<string, string>> = { i: 'inbox', d: 'drafts', s: 'sent', a: 'archive', t: 'trash' };
/** How long `g` waits for where to. */
const CHORD_MS = 1_500;

export class Keys {
  readonly #deps: KeyDeps;
  #goUntil = 0;

  constructor(deps: KeyDeps) {
    this.#deps = deps;
  }

  press(event: KeyboardEvent): void {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
    if (this.#act(event)) event.preventDefault();
  }

  #act({ key, target }: KeyboardEvent): boolean {
    const mail = this.#deps.mail();
    if (performance.now() < this.#goUntil) {
      this.#goUntil = 0;
      const mailbox = PLACES[key];
      if (mailbox !== undefined) mail.router.go({ mailbox });
      return mailbox !== undefined;
    }
    switch (key) {
      case 'g':
        this.#goUntil = performance.now() + CHORD_MS;
        return true;
      case 'j':
        return this.#step(1);
      case 'k':
        return this.#step(-1);
      case 'Enter':
        return doesItsOwn(target) ? false : this.#openCursor();
      case 'o':
        return this.#openCursor();
      case 'u':
      case 'Escape':
        return this.#back();
      case 'c':
        void mail.desk.write({ accountId: mail.accountId });
        return true;
      case '/':
        this.#deps.focusSearch();
        return true;
      case '?':
        this.#deps.help();
        return true;
      case 'z':
        mail.notices.undoLast();
        return true;
      default:
        return this.#file(key) || this.#answer(key);
    }
  }

  #file(key: string): boolean {
    const mail = this.#deps.mail();
    const rows = mail.targets();
    if (rows.length === 0) return false;
    const { filing } = mail;
    const gone = (act: () => Promise<void>): true => {
      mail.moveOn(rows);
      void act();
      return true;
    };
    switch (key) {
      case 'e':
        return gone(() => filing.toRole(rows, 'archive'));
      case '#':
      case 'Delete':
        if (mail.mailbox?.role !== 'trash') return gone(() => filing.toRole(rows, 'trash'));
        return confirm(texts.t.sureToDestroy(rows.length)) ? gone(() => filing.destroy(rows)) : true;
      case '!':
        return gone(() => filing.toRole(rows, mail.mailbox?.role === 'junk' ? 'inbox' : 'junk'));
      case 's': {
        const isSet = rows.every(({ emails }) => emails.some(({ keywords }) => keywords.$flagged));
        void filing.keyword(rows, '$flagged', !isSet);
        return true;
      }
      case 'U': {
        const isUnread = rows.some(({ emails }) => emails.some(({ keywords }) => !keywords.$seen));
        if (!isUnread) mail.moveOn(rows);
        void filing.keyword(rows, '$seen', isUnread);
        return true;
      }
      case 'x': {
        const row = mail.rowAt(mail.cursor);
        if (row !== undefined) mail.toggle(row.key);
        return true;
      }
      case 'v':
        return this.#menu('move', rows);
      case 'l':
        return this.#menu('label', rows);
      default:
        return false;
    }
  }

  /** The list has a bar with menus once something is chosen. */
  #menu(name: 'move' | 'label', rows: readonly ThreadRow[]): true {
    const mail = this.#deps.mail();
    if (mail.thread === undefined && mail.selected.size === 0) for (const { key } of rows) mail.toggle(key);
    this.#deps.openMenu(name);
    return true;
  }

  #answer(key: string): boolean {
    const kinds: Readonly<Record<string, AnswerKind>> = { r: 'reply', a: 'replyAll', f: 'forward' };
    const kind = kinds[key];
    const mail = this.#deps.mail();
    const email = mail.thread?.newest;
    if (kind === undefined || email === undefined) return false;
    void mail.desk.write(mail.answer(email, kind));
    return true;
  }

  #step(by: number): boolean {
    const mail = this.#deps.mail();
    const total = mail.list?.total ?? 0;
    const next = Math.min(total - 1, Math.max(0, mail.cursor + by));
    if (total === 0) return false;
    mail.cursor = next;
    const row = mail.rowAt(next);
    this.#deps.reveal(next);
    if (mail.thread !== undefined && row !== undefined && row.head.keywords.$draft !== true) this.#deps.open(row);
    else if (mail.thread === undefined) this.#deps.focusList();
    return true;
  }

  #openCursor(): boolean {
    const mail = this.#deps.mail();
    const row = mail.rowAt(mail.cursor);
    if (row !== undefined) this.#deps.open(row);
    return row !== undefined;
  }

  #back(): boolean {
    const mail = this.#deps.mail();
    if (mail.selected.size > 0) mail.selected = new Set();
    else if (mail.thread !== undefined) mail.router.open(undefined);
    else return false;
    this.#deps.focusList();
    return true;
  }
}

/** A link or button that has the focus; also in the frame of a mail, whose elements are of another window's classes. */
function doesItsOwn(target: EventTarget | null): boolean {
  return target !== null && 'closest' in target && (target as Element).closest('a, button, summary') !== null;
}

function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest('[role="menu"], [role="dialog"]') !== null) return true;
  if (target instanceof HTMLInputElement) return target.type !== 'checkbox';
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement;
}

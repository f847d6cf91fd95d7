/** New mail, said by the system while the page is not looked at. What it says is what the list shows: from whom, and what. */
import { nameOf } from '../format/people.ts';
import type { EmailHead } from '../jmap/objects.ts';
import { texts } from '../texts/texts.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import { listOf } from './thread-list.svelte.ts';

const KEPT_AS = 'restante.notify';
const DISCREET_KEPT_AS = 'restante.notify-discreetly';
/** The service worker's own words, where it finds them (public/service-worker.js). */
const WORDS_CACHE = 'restante-words';
const WORDS = '/words';
/** Said one by one; of more only how many. */
const SAID_MAX = 3;
/** Unread mails that are looked at, the newest first. */
const LOOKED_AT = 50;

interface Looked {
  readonly ids: ReadonlySet<string>;
  /** There may be more that is older: once something newer is read, that comes into sight, and is not new. */
  readonly since: string;
}

export function isNotifying(): boolean {
  return localStorage.getItem(KEPT_AS) === 'on' && 'Notification' in window && Notification.permission === 'granted';
}

/** Whether it is on afterwards: the browser may not allow it. */
export async function setNotifying(wanted: boolean): Promise<boolean> {
  const isAllowed = wanted && 'Notification' in window && (await Notification.requestPermission()) === 'granted';
  localStorage.setItem(KEPT_AS, isAllowed ? 'on' : 'off');
  await giveWords();
  return isAllowed;
}

/** It is only said that there is mail: whoever looks at the screen reads no more. */
export function isDiscreet(): boolean {
  return localStorage.getItem(DISCREET_KEPT_AS) === 'on';
}

export function setDiscreet(wanted: boolean): void {
  localStorage.setItem(DISCREET_KEPT_AS, wanted ? 'on' : 'off');
}

async function giveWords(): Promise<void> {
  const words = await caches.open(WORDS_CACHE);
  await words.put(WORDS, new Response(JSON.stringify({ newMail: texts.t.newMail })));
}

export class Notifier {
  readonly #line: Line;
  /** By account: what had come when it was looked at last. */
  readonly #known = new Map<string, Looked>();
  #last: Promise<void> = Promise.resolve();

  constructor(line: Line) {
    this.#line = line;
  }

  /** Something has changed, or it was just turned on: the first look is what there was before. */
  look(accounts: readonly MailAccount[]): Promise<void> {
    // One after the other: an answer that is older than the one before it would make its mail new once more.
    const looked = this.#last.then(() => this.#look(accounts));
    this.#last = looked.catch(() => undefined); // thrown to whoever asked for that look
    return looked;
  }

  async #look(accounts: readonly MailAccount[]): Promise<void> {
    if (!isNotifying()) return;
    for (const account of accounts) {
      const heads = await this.#unread(account);
      if (heads === undefined) continue;
      const known = this.#known.get(account.id);
      const since = heads.length < LOOKED_AT ? '' : (heads.at(-1)?.receivedAt ?? '');
      this.#known.set(account.id, { ids: new Set(heads.map(({ id }) => id)), since });
      if (known === undefined || document.visibilityState === 'visible') continue;
      await say(heads.filter(({ id, receivedAt }) => !known.ids.has(id) && receivedAt > known.since));
    }
  }

  /** Undefined: the account's mailboxes are not known yet, and all that is there would be new when they are. */
  async #unread({ id: accountId, mailboxes }: MailAccount): Promise<readonly EmailHead[] | undefined> {
    const inMailbox = mailboxes.role('inbox')?.id;
    if (inMailbox === undefined) return undefined;
    const sort = [{ property: 'receivedAt', isAscending: false }];
    const query = { accountId, filter: { inMailbox, notKeyword: '$seen' }, sort, limit: LOOKED_AT };
    const ids = { resultOf: 'query', name: 'Email/query', path: '/ids' };
    const properties = ['id', 'threadId', 'receivedAt', 'from', 'subject'];
    const answers = await this.#line.attempt((connection) =>
      connection.call([
        ['Email/query', query, 'query'],
        ['Email/get', { accountId, '#ids': ids, properties }, 'heads'],
      ]),
    );
    return listOf<EmailHead>(answers.get('heads'));
  }
}

async function say(news: readonly EmailHead[]): Promise<void> {
  if (news.length === 0) return;
  if (isDiscreet()) return show('Restante', texts.t.newMail, 'restante');
  if (news.length > SAID_MAX) return show('Restante', texts.t.unread(news.length), 'restante');
  for (const { from, id, subject } of news) {
    const who = from?.[0] === undefined ? 'Restante' : nameOf(from[0]);
    await show(who, subject || texts.t.noSubject, id);
  }
}

/** What was said of somebody's mail goes with them. */
export async function unsay(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  for (const notification of (await registration?.getNotifications()) ?? []) notification.close();
}

/** By the service worker where there is one: telephones know no other way, and it outlives the window. */
async function show(title: string, body: string, tag: string): Promise<void> {
  const options = { body, icon: '/icon.svg', tag };
  const registration = await navigator.serviceWorker?.getRegistration();
  if (registration?.active != null) {
    const pushed = await registration.getNotifications({ tag: 'restante-push' });
    for (const notification of pushed) notification.close();
    await registration.showNotification(title, options);
    return;
  }
  const notification = new Notification(title, options);
  notification.onclick = () => window.focus();
}

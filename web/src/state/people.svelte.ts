/** Whom one writes to and hears from, learned from the mail itself: for completing addresses. */
import type { EmailAddress, EmailHead } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

interface Known {
  person: EmailAddress;
  weight: number;
}

const SENT_WEIGHT = 3;
const LEARNED_FROM = 400;
const SUGGESTIONS_MAX = 6;

export class People {
  readonly #known = new Map<string, Known>();
  readonly #own: string;
  #isLearned = false;

  constructor(own: string) {
    this.#own = own;
  }

  /** Once: the newest mails. */
  async learn(line: Line, accountId: string): Promise<void> {
    if (this.#isLearned) return;
    this.#isLearned = true;
    const sort = [{ property: 'receivedAt', isAscending: false }];
    const ids = { resultOf: 'query', name: 'Email/query', path: '/ids' };
    const answers = await line.attempt((connection) =>
      connection.call([
        ['Email/query', { accountId, sort, limit: LEARNED_FROM }, 'query'],
        ['Email/get', { accountId, '#ids': ids, properties: ['from', 'to', 'cc'] }, 'emails'],
      ]),
    );
    for (const email of listOf<EmailHead>(answers.get('emails'))) this.note(email);
  }

  note({ cc, from, to }: Pick<EmailHead, 'from' | 'to' | 'cc'>): void {
    const isOwn = from?.some(({ email }) => email.toLowerCase() === this.#own) === true;
    for (const person of from ?? []) this.#add(person, 1);
    for (const person of [...(to ?? []), ...(cc ?? [])]) this.#add(person, isOwn ? SENT_WEIGHT : 1);
  }

  matching(text: string, without: readonly EmailAddress[]): readonly EmailAddress[] {
    const wanted = text.trim().toLowerCase();
    if (wanted === '') return [];
    const gone = new Set(without.map(({ email }) => email.toLowerCase()));
    return [...this.#known.entries()]
      .filter(([email, { person }]) => {
        if (gone.has(email)) return false;
        const words = `${person.name ?? ''} ${email}`.toLowerCase();
        return words.startsWith(wanted) || words.includes(` ${wanted}`);
      })
      .sort(([, a], [, b]) => b.weight - a.weight)
      .slice(0, SUGGESTIONS_MAX)
      .map(([, { person }]) => person);
  }

  #add(person: EmailAddress, weight: number): void {
    const email = person.email.toLowerCase();
    if (email === '') return;
    const known = this.#known.get(email);
    if (known === undefined) this.#known.set(email, { person, weight });
    else {
      known.weight += weight;
      if (!known.person.name && person.name) known.person = person;
    }
  }
}

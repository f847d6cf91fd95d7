/** The thread that is read: its emails whole, oldest first. */
import { EMAIL_PROPERTIES, type Email, type Thread } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import type { Shelf } from './shelf.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

/** Of one text: more is in the message's file. */
const BODY_BYTES_MAX = 1_000_000;

export interface OpenThreadDeps {
  readonly line: Line;
  readonly shelf: Shelf;
}

export class OpenThread {
  readonly id: string;
  readonly accountId: string;
  emails = $state.raw<readonly Email[]>();
  problem = $state<unknown>();
  readonly #line: Line;
  readonly #shelf: Shelf;

  constructor({ line, shelf }: OpenThreadDeps, accountId: string, id: string) {
    this.#line = line;
    this.#shelf = shelf;
    this.accountId = accountId;
    this.id = id;
  }

  /** `key`: `account:thread`, as addresses of the page have it. */
  static at(deps: OpenThreadDeps, key: string): OpenThread {
    const [accountId = '', threadId = ''] = key.split(':', 2);
    return new OpenThread(deps, accountId, threadId);
  }

  get key(): string {
    return `${this.accountId}:${this.id}`;
  }

  get subject(): string {
    return this.emails?.find(({ subject }) => subject)?.subject ?? '';
  }

  /** Of a message that came; drafts are not answered. */
  get newest(): Email | undefined {
    return this.emails?.findLast(({ keywords }) => keywords.$draft !== true) ?? this.emails?.at(-1);
  }

  async refresh(): Promise<void> {
    const { accountId, id } = this;
    if (this.#line.state !== 'live') this.emails ??= await this.#shelf.get(`thread ${this.key}`);
    const ids = { resultOf: 'thread', name: 'Thread/get', path: '/list/*/emailIds' };
    try {
      const answers = await this.#line.attempt((connection) =>
        connection.call([
          ['Thread/get', { accountId, ids: [id] }, 'thread'],
          [
            'Email/get',
            {
              accountId,
              ...{ '#ids': ids, properties: EMAIL_PROPERTIES },
              ...{ fetchTextBodyValues: true, fetchHTMLBodyValues: true, maxBodyValueBytes: BODY_BYTES_MAX },
            },
            'emails',
          ],
        ]),
      );
      const known = new Map(this.emails?.map((email) => [email.id, email]));
      const order = listOf<Thread>(answers.get('thread'))[0]?.emailIds ?? [];
      const byId = new Map(listOf<Email>(answers.get('emails')).map((email) => [email.id, email]));
      // What has not changed stays the same object: its frame is not filled again.
      this.emails = order.flatMap((emailId) => {
        const fresh = byId.get(emailId);
        const old = known.get(emailId);
        if (fresh === undefined) return [];
        return old !== undefined && JSON.stringify(old) === JSON.stringify(fresh) ? [old] : [fresh];
      });
      this.problem = undefined;
      await this.#shelf.put(`thread ${this.key}`, this.emails);
    } catch (error) {
      this.problem = error;
    }
  }
}

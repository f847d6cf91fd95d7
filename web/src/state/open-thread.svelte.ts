/** The thread that is read: its emails whole, oldest first. */
import { EMAIL_PROPERTIES, type Email, type Thread } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import { listOf } from './thread-list.svelte.ts';

/** Of one text: more is in the message's file. */
const BODY_BYTES_MAX = 1_000_000;

export class OpenThread {
  readonly id: string;
  readonly accountId: string;
  emails = $state.raw<readonly Email[]>();
  problem = $state<unknown>();
  readonly #line: Line;

  constructor(line: Line, accountId: string, id: string) {
    this.#line = line;
    this.accountId = accountId;
    this.id = id;
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
    } catch (error) {
      this.problem = error;
    }
  }
}

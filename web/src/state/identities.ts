/** From whom somebody writes: of each account the identity that has its address. */
import type { Identity } from '../jmap/objects.ts';
import type { Line } from './line.svelte.ts';
import type { MailAccount } from './mail-account.ts';
import { listOf } from './thread-list.svelte.ts';

export class Identities {
  readonly #line: Line;
  readonly #known = new Map<string, Identity>();

  constructor(line: Line) {
    this.#line = line;
  }

  async of({ id: accountId, name }: MailAccount): Promise<Identity> {
    const known = this.#known.get(accountId);
    if (known !== undefined) return known;
    const answers = await this.#line.attempt((connection) =>
      connection.call([['Identity/get', { accountId, ids: null }, 'identities']]),
    );
    const identities = listOf<Identity>(answers.get('identities'));
    const identity = identities.find(({ email }) => email.toLowerCase() === name.toLowerCase()) ?? identities[0];
    if (identity === undefined) throw new Error('the account has no identity to send with');
    this.#known.set(accountId, identity);
    return identity;
  }
}

/** What stands behind the @ of message ids: no port. */
export function hostOf({ email }: Identity): string {
  return email.split('@')[1]?.replace(/:.*/, '') ?? 'localhost';
}

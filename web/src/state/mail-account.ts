/** One mail account of somebody's session: its mailboxes, and what is known of its completeness. */
import { COMPLETENESS } from '../jmap/objects.ts';
import { Completeness } from './completeness.svelte.ts';
import type { Line } from './line.svelte.ts';
import { Mailboxes } from './mailboxes.svelte.ts';

export class MailAccount {
  readonly id: string;
  /** Its address. */
  readonly name: string;
  readonly isEncrypted: boolean;
  readonly mailboxes: Mailboxes;
  readonly completeness: Completeness;

  constructor(line: Line, id: string) {
    const account = line.session.accounts[id];
    this.id = id;
    this.name = account?.name ?? id;
    this.isEncrypted = account !== undefined && COMPLETENESS in account.accountCapabilities;
    this.mailboxes = new Mailboxes(line, id);
    this.completeness = new Completeness(line, id);
  }

  async refresh(): Promise<void> {
    await Promise.all([this.mailboxes.refresh(), this.completeness.refresh()]);
  }
}

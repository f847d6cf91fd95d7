/** Small mail stores for tests of what stores do. */
import { ManualClock, SeededSecureRandom } from '../../../src/base/index.ts';
import type { Journal } from '../../../src/jmap/store/journal.ts';
import type { MailAccount } from '../../../src/jmap/store/mail-account.ts';
import { MailStore } from '../../../src/jmap/store/mail-store.ts';
import { MemoryJournal } from '../../../src/jmap/store/memory-journal.ts';
import { ALL_RIGHTS, type NewEmail } from '../../../src/jmap/store/records.ts';

export async function openStore(
  journal: Journal = new MemoryJournal(),
  clock = new ManualClock(0),
  seed = 1,
): Promise<MailStore> {
  const onListenerError = (error: unknown): never => {
    throw error;
  };
  return MailStore.open({ journal, clock, random: new SeededSecureRandom(seed), onListenerError });
}

/** With one account, `a`, and three mailboxes. */
export function fill(store: MailStore, kind: 'local' | 'imap' = 'local'): MailAccount {
  const account = store.putAccount({ id: 'a', name: 'a@x', isPersonal: true, isReadOnly: false, kind });
  for (const id of ['inbox', 'trash', 'other'])
    account.putMailbox(
      {
        id,
        name: id,
        parentId: null,
        role: id === 'other' ? null : id,
        sortOrder: 0,
        isSubscribed: true,
        rights: ALL_RIGHTS,
      },
      'agent',
    );
  return account;
}

/** What is not said of it is as of any mail; the number in its id says when it came. */
export function email(
  id: string,
  more: Partial<NewEmail> = {},
  header = `Subject: s\r\nMessage-ID: <${id}@x>\r\n`,
): NewEmail {
  const defaults = {
    size: 1,
    receivedAt: Number(id.replace(/\D/g, '')),
    keywords: [],
    mailboxIds: ['inbox'],
    hasAttachment: false,
    preview: '',
  };
  return { ...defaults, headerBlock: Buffer.from(header), ...more, id };
}

/** Messages for an IMAP server, and what it has. */
import type { ImapFlow } from 'imapflow';
import type { ImapWorld } from './imap-world.ts';

export function message(subject: string, text = 'hello'): string {
  return [
    'From: bob@example.org',
    'To: alice@example.org',
    `Subject: ${subject}`,
    `Message-ID: <${subject}@example.org>`,
    'Date: Thu, 01 Jan 2026 12:00:00 +0000',
    '',
    text,
    '',
  ].join('\r\n');
}

/** By folder, each message that is not deleted as its subject and its flags; empty folders of the server's own are left out. */
export async function contentsOf(client: ImapFlow): Promise<Record<string, string[]>> {
  const contents: Record<string, string[]> = {};
  for (const { flags, path, specialUse } of await client.list()) {
    if (flags.has('\\Noselect')) continue;
    const lock = await client.getMailboxLock(path);
    const messages: string[] = [];
    await client.noop();
    if (client.mailbox !== false && client.mailbox.exists > 0)
      for await (const { envelope, flags: all = new Set() } of client.fetch('1:*', { envelope: true, flags: true })) {
        if (all.has('\\Deleted')) continue;
        const shown = [...all].filter((flag) => flag !== '\\Recent').sort();
        messages.push([envelope?.subject ?? '', ...shown].join(' '));
      }
    lock.release();
    if (messages.length > 0 || (specialUse === undefined && path !== 'INBOX')) contents[path] = messages.sort();
  }
  return contents;
}

/** What the account shows of folders, as `contentsOf` tells the server's. */
export function shownIn(world: ImapWorld, folders: readonly string[]): Record<string, string[]> {
  const flags: Record<string, string> = { $flagged: '\\Flagged', $seen: '\\Seen' };
  const shown: Record<string, string[]> = {};
  for (const name of folders) {
    const id = world.mailboxNamed(name === 'INBOX' ? 'Inbox' : name);
    const emails = [...world.account.emailIds()].flatMap((emailId) => {
      const email = world.account.email(emailId);
      return email?.mailboxIds.includes(id) === true ? [email] : [];
    });
    const lines = emails.map(({ envelope, keywords }) =>
      [envelope.subject, ...keywords.map((keyword) => flags[keyword] ?? keyword).sort()].join(' '),
    );
    if (lines.length > 0 || name !== 'INBOX') shown[name] = lines.sort();
  }
  return shown;
}

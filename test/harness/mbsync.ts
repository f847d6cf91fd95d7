/** isync's mbsync as another program that keeps a copy of an IMAP account: into Maildir, with fsync. Debian: isync. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const MBSYNC = '/usr/bin/mbsync';

export function hasMbsync(): boolean {
  return existsSync(MBSYNC);
}

export interface MbsyncAccount {
  readonly imapPort: number;
  readonly user: string;
  readonly password: string;
}

/** Copies all folders of an account into an empty folder. */
export async function mbsync(folder: string, { imapPort, password, user }: MbsyncAccount): Promise<void> {
  await mkdir(join(folder, 'mail'), { recursive: true });
  const config = join(folder, 'mbsyncrc');
  await writeFile(
    config,
    `FSync yes

IMAPAccount server
Host 127.0.0.1
Port ${imapPort}
User ${user}
Pass ${password}
SSLType None
AuthMechs LOGIN

IMAPStore far
Account server

MaildirStore near
Path ${folder}/mail/
Inbox ${folder}/mail/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Near
Sync Pull
SyncState *
`,
  );
  await promisify(execFile)(MBSYNC, ['--config', config, '--all', '--quiet']);
}

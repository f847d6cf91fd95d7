/** All folders of a server, each with what says whether it has changed: one command where the server has LIST-STATUS. */
import type { ImapFlow, ListResponse } from 'imapflow';
import type { RemoteFolder } from './imap-protocol.ts';

export interface ListedFolder {
  readonly folder: RemoteFolder;
  readonly uidValidity: string | undefined;
  readonly uidNext: number | undefined;
  readonly messages: number | undefined;
  readonly modseq: string | undefined;
  /** Asked only of a server that has no mod-sequences, since some count long. */
  readonly unseen: number | undefined;
}

const ROLES: Readonly<Record<string, string>> = {
  '\\Inbox': 'inbox',
  '\\Drafts': 'drafts',
  '\\Sent': 'sent',
  '\\Archive': 'archive',
  '\\Junk': 'junk',
  '\\Trash': 'trash',
  '\\All': 'all',
  '\\Flagged': 'flagged',
};

/** What the paths of all folders but the inbox begin with: nothing, or as `INBOX.` (RFC 2342, section 3). */
export function prefixOf(client: ImapFlow): string {
  return client.namespace?.prefix ?? '';
}

export async function listFolders(client: ImapFlow): Promise<ListedFolder[]> {
  const unseen = !client.capabilities.has('CONDSTORE');
  const statusQuery = { messages: true, uidNext: true, uidValidity: true, highestModseq: true, unseen };
  // Of the folder that is selected, servers say what they have said before: this brings it up to date.
  await client.noop();
  const listed = await client.list({ statusQuery });
  const prefix = prefixOf(client);
  return listed.map(({ status, ...folder }) => ({
    folder: remoteFolder(folder, prefix),
    uidValidity: status?.uidValidity === undefined ? undefined : String(status.uidValidity),
    uidNext: status?.uidNext,
    messages: status?.messages,
    modseq: status?.highestModseq === undefined ? undefined : String(status.highestModseq),
    unseen: status?.unseen,
  }));
}

function remoteFolder(
  { delimiter, flags, name, parentPath, path, specialUse, subscribed }: Omit<ListResponse, 'status'>,
  prefix: string,
): RemoteFolder {
  const cannotHold = [...flags].some((flag) => /^\\(?:noselect|nonexistent)$/i.test(flag));
  const isInbox = path.toUpperCase() === 'INBOX';
  const isTop = parentPath === '' || `${parentPath}${delimiter}` === prefix;
  return {
    path,
    name,
    parentPath: isTop ? undefined : parentPath,
    delimiter: delimiter || '/',
    role: isInbox ? 'inbox' : specialUse === undefined ? undefined : ROLES[specialUse],
    isSubscribed: subscribed,
    isSelectable: !cannotHold,
  };
}

/**
 * In which folders a message is, by the keywords that a person's devices keep of it. Until somebody files it, the message
 * itself says so; from then on, `filed` and a keyword for each folder do. Each keyword is a register of its own, so two
 * devices that file one message at the same time agree in the end, whatever they heard first. Pure.
 */
import { type Address, FOLDER_ROLES, type FolderId, type FolderRole, isLabel } from '../../protocol/index.ts';
import type { Marks } from '../mail/mailbox.ts';
import { JUNK, type Summary } from '../mail/summary.ts';

/** Somebody said where the message belongs; without it the message does. */
export const FILED = 'filed';
/** Never empty: what two devices took out of all folders together is in the archive. */
export function foldersOf(
  message: Pick<Summary, 'author' | 'recipients' | 'keywords'>,
  own: Address,
): readonly FolderId[] {
  const labels = message.keywords.filter(isLabel);
  if (!message.keywords.includes(FILED)) return [defaultFolder(message, own), ...labels];
  const roles = FOLDER_ROLES.filter((role) => message.keywords.includes(keywordOf(role)));
  const folders = [...roles, ...labels];
  return folders.length === 0 ? ['archive'] : folders;
}

/** What is to be marked so that a message that is in `before` is in `after`. */
export function filingMarks(before: readonly FolderId[], after: readonly FolderId[]): Marks {
  const marks: Record<string, boolean> = { [FILED]: true };
  for (const folder of before) if (!after.includes(folder)) marks[keywordOf(folder)] = false;
  // All that it is in: before the first filing no keyword said so.
  for (const folder of after) marks[keywordOf(folder)] = true;
  return marks;
}

/** Whether a keyword speaks of folders: those are no flags. */
export function isFiling(keyword: string): boolean {
  return keyword === FILED || isLabel(keyword) || FOLDER_ROLES.some((role) => keywordOf(role) === keyword);
}

function keywordOf(folder: FolderId): string {
  return isLabel(folder) ? folder : `in:${folder}`;
}

function defaultFolder(
  { author, keywords, recipients }: Pick<Summary, 'author' | 'recipients' | 'keywords'>,
  own: Address,
): FolderRole {
  if (keywords.includes(JUNK)) return 'junk';
  // To oneself alone is a reminder, or an import: mail like any other.
  return author === own && recipients.some((address) => address !== own) ? 'sent' : 'inbox';
}

/** The folders of a person, as notes name them (docs/protocol/notes.md). */

/** The folders that everybody has. */
export const FOLDER_ROLES = Object.freeze(['inbox', 'sent', 'archive', 'drafts', 'junk', 'trash'] as const);
export type FolderRole = (typeof FOLDER_ROLES)[number];
/** A role, or a label: what `restante mark --label` says is a folder as well. */
export type FolderId = FolderRole | `label:${string}`;

const LABEL = 'label:';

export function isLabel(folder: string): folder is `label:${string}` {
  return folder.startsWith(LABEL) && folder.length > LABEL.length;
}

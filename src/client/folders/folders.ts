/**
 * The folders of a person: six that everybody has, one for each label, and what devices said of them: how it is called, in
 * which other it is, in which order they are shown. Registers of one subject, so devices agree without a server.
 */
import { FOLDER_ROLES, type FolderId, isLabel } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { MailIndex } from '../mail/mail-index.ts';
import type { Change, Notes } from '../notes/notes.ts';
import type { Registers, RegisterValue } from '../notes/registers.ts';

/** The subject of what is said of folders: keys are a property and a folder. */
export const FOLDERS = 'folders';

export interface Folder {
  readonly id: FolderId;
  /** As the person called it; undefined: by its role or label. */
  readonly name: string | undefined;
  readonly parent: FolderId | undefined;
  /** What a label is for, as mail programs name it; the folders that everybody has are their own role. */
  readonly role: string | undefined;
  readonly sortOrder: number;
  readonly isSubscribed: boolean;
}

/** What can be said of a folder. `isThere` false: a label whose folder was deleted, until it is used again. */
export interface FolderWords {
  readonly name?: string;
  /** Empty: in none. */
  readonly parent?: FolderId | '';
  /** Empty: for nothing in particular. */
  readonly role?: string;
  readonly sortOrder?: number;
  readonly isSubscribed?: boolean;
  readonly isThere?: boolean;
}

export interface FoldersDeps {
  readonly store: Store;
  readonly index: MailIndex;
  readonly notes: Notes;
  /** Something was changed that other devices are to hear. */
  readonly onChange: () => void;
}

export class Folders {
  readonly #deps: FoldersDeps;

  constructor(deps: FoldersDeps) {
    this.#deps = deps;
  }

  /** Those with a role first; then labels that something was said of. A label of a message alone is a folder too. */
  async list(): Promise<readonly Folder[]> {
    const registers = await this.#deps.index.registersOf(this.#deps.store, FOLDERS);
    const labels = new Set<FolderId>();
    for (const [key, { value }] of Object.entries(registers)) {
      const id = key.slice(key.indexOf(' ') + 1);
      if (key.startsWith('isThere ') && value === true && isLabel(id)) labels.add(id);
    }
    return [...FOLDER_ROLES, ...labels].map((id) => folderOf(registers, id));
  }

  /** Here and on the person's other devices. */
  async describe(id: FolderId, words: FolderWords): Promise<void> {
    const changes = Object.entries(words).map(
      ([property, value]): Change => ({ subject: FOLDERS, key: keyOf(property, id), value: registerValue(value) }),
    );
    if (changes.length === 0) return;
    await this.#deps.notes.apply(changes);
    this.#deps.onChange();
  }
}

function folderOf(registers: Registers, id: FolderId): Folder {
  const said = (property: keyof FolderWords): RegisterValue | undefined => {
    const key = keyOf(property, id);
    return Object.hasOwn(registers, key) ? registers[key]?.value : undefined;
  };
  const [name, parent, role, order] = [said('name'), said('parent'), said('role'), Number(said('sortOrder') ?? 0)];
  return {
    id,
    name: typeof name === 'string' && name !== '' ? name : undefined,
    parent: isFolderId(parent) ? parent : undefined,
    role: typeof role === 'string' && role !== '' ? role : undefined,
    sortOrder: Number.isSafeInteger(order) ? order : 0,
    isSubscribed: said('isSubscribed') !== false,
  };
}

function isFolderId(text: RegisterValue | undefined): text is FolderId {
  return typeof text === 'string' && (isLabel(text) || (FOLDER_ROLES as readonly string[]).includes(text));
}

function keyOf(property: string, id: FolderId): string {
  return `${property} ${id}`;
}

function registerValue(value: string | number | boolean): RegisterValue {
  return typeof value === 'number' ? String(value) : value;
}

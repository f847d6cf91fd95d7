/** The texts of an account's emails, which come after their headers, some at a time: which are wanted next, and those that came. */
import type { MailAccount } from '../../../jmap/index.ts';
import type { FolderRef, ImapToldCalls, TextlessMessage } from './imap-protocol.ts';
import { BODIES_AHEAD } from './limits.ts';
import type { Places } from './places.ts';

export interface TextsDeps {
  readonly account: MailAccount;
  readonly places: Places;
}

export class Texts {
  readonly #account: MailAccount;
  readonly #places: Places;

  constructor({ account, places }: TextsDeps) {
    this.#account = account;
    this.#places = places;
  }

  /** Of one folder. The newest were put in last, but for those of the first look: near enough, and as cheap as the batch. */
  wanted(
    placeOf: (emailId: string) => (FolderRef & { readonly uid: number }) | undefined,
    except: readonly string[],
  ): ImapToldCalls['textless']['reply']['batch'] {
    let folder: FolderRef | undefined;
    const messages: TextlessMessage[] = [];
    for (const id of this.#places.textless) {
      const email = this.#account.email(id);
      const place = placeOf(id);
      if (email === undefined || place === undefined) {
        if (email === undefined) this.#places.forget(id);
        continue;
      }
      const { path, uid, uidValidity } = place;
      if (except.includes(path)) continue;
      folder ??= { path, uidValidity };
      if (folder.path !== path) continue;
      messages.push({ uid, size: email.size });
      if (messages.length >= BODIES_AHEAD) break;
    }
    return folder === undefined ? undefined : { ...folder, messages };
  }

  /** `mailboxId` is undefined for a folder that is known no more. */
  take(mailboxId: string | undefined, { absent, bodies }: ImapToldCalls['bodies']['request']): void {
    if (mailboxId === undefined) return;
    for (const uid of absent) {
      const id = this.#places.emailAt(mailboxId, uid);
      if (id !== undefined) this.#places.setText(id, 'refused');
    }
    for (const { hasAttachment, preview, size, text, uid } of bodies) {
      const id = this.#places.emailAt(mailboxId, uid);
      if (id === undefined) continue;
      this.#account.updateEmail(id, { hasAttachment, preview, size }, 'agent');
      this.#account.putTexts([{ id, text }]);
      this.#places.setText(id, 'read');
    }
  }
}

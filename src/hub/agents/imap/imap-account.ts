/**
 * An IMAP account in the store: takes over what its agent tells, with what is pending here on top, and says what is to be done
 * at the server. An email that turns up in another folder, or under another UID, is known by its header and keeps its id; what
 * is found nowhere when all folders were looked at is gone.
 */
import type { Clock, Log } from '../../../base/index.ts';
import { type BlobStore, difference, type MailAccount, type MailStore } from '../../../jmap/index.ts';
import type { Handlers } from '../line.ts';
import { type Arrival, Arrivals } from './arrivals.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { FolderMark, FolderRef, ImapSettings, ImapStatus, ImapToldCalls, RemoteMessage } from './imap-protocol.ts';
import { Newcomers } from './newcomers.ts';
import { PendingSteps } from './pending-steps.ts';
import { encodePlaces, type Place, Places } from './places.ts';
import { Puts } from './puts.ts';
import { RemoteFolders } from './remote-folders.ts';
import { Texts } from './texts.ts';

export interface ImapAccountDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly store: MailStore;
  readonly blobs: BlobStore;
  readonly settings: (asked: ImapToldCalls['settings']['request']) => Promise<ImapSettings>;
  readonly onStatus: (status: ImapStatus) => void;
}

type Told<Name extends keyof ImapToldCalls> = ImapToldCalls[Name]['request'];

export class ImapAccount {
  readonly account: MailAccount;
  readonly #deps: ImapAccountDeps;
  readonly #places: Places;
  readonly #folders: RemoteFolders;
  readonly #puts: Puts;
  readonly #steps: PendingSteps;
  readonly #texts: Texts;
  /** Once all headers were read back, emails without a place are known by theirs. */
  #hasLost = false;
  /** Emails that were without a place when the look under way began. */
  #lostBefore: ReadonlySet<string> = new Set();
  readonly #newcomers = new Newcomers();
  /** Folders of which something was heard and not taken over yet. */
  readonly #unsettled = new Set<string>();

  constructor(deps: ImapAccountDeps, account: MailAccount) {
    this.#deps = deps;
    this.account = account;
    this.#places = new Places(account);
    this.#folders = new RemoteFolders(account);
    for (const id of this.#places.mailboxIds()) if (this.#folders.pathOf(id) === undefined) this.#places.leave(id);
    this.#folders.check((mailboxId) => this.#places.count(mailboxId));
    this.#puts = new Puts(deps, account);
    const known = { account, places: this.#places, folders: this.#folders, puts: this.#puts };
    this.#steps = new PendingSteps({ ...deps, ...known });
    this.#texts = new Texts(known);
  }

  /** Where the octets of an email are at the server; undefined when they are nowhere. */
  placeOf(emailId: string): (FolderRef & { readonly uid: number }) | undefined {
    for (const { mailboxId, uid, uidValidity } of this.#places.of(emailId)) {
      const path = this.#folders.pathOf(mailboxId);
      if (path !== undefined) return { path, uid, uidValidity };
    }
    return undefined;
  }

  /** Servers guess sizes: until its text was read, one is only what was told with its header. */
  isSizeKnown(emailId: string): boolean {
    return this.#places.textOf(emailId) === 'read';
  }

  /** Emails whose text is not in the index yet. */
  get textlessCount(): number {
    return this.#places.textless.size;
  }

  /** What it answers is as durable as the cache before the agent hears of it. */
  handlers(): Omit<Handlers<ImapToldCalls>, 'handing'> {
    const { onStatus, settings, store } = this.#deps;
    const durably = async <Result>(work: () => Result): Promise<Result> => {
      const result = store.transact(work);
      await store.flush();
      return result;
    };
    return {
      settings,
      folders: async (told) => {
        // Emails without a place are found again by their header.
        await store.complete();
        return durably(() => this.#takeFolders(told));
      },
      opened: (folder) => durably(() => this.#opened(folder)),
      messages: async (told) => {
        await durably(() => this.#messages(told));
        return {};
      },
      present: (told) => durably(() => this.#present(told)),
      changes: (told) => durably(() => this.#changes(told)),
      synced: async ({ mark, path }) => {
        await durably(() => this.#synced(path, mark));
        return {};
      },
      current: ({ refused }) => durably(() => ({ again: this.#current(refused) })),
      nextStep: async () => {
        const next = await this.#steps.next();
        await store.flush();
        return next;
      },
      stepped: async (outcome) => {
        await durably(() => this.#steps.take(outcome));
        return {};
      },
      textless: async ({ except }) => ({ batch: this.#texts.wanted((id) => this.placeOf(id), except) }),
      bodies: async (told) => {
        // Also of a folder whose mailbox was destroyed here: what was asked for is not to be asked for again.
        await durably(() => this.#texts.take(this.#folders.idOf(told.path), told));
        return {};
      },
      status: async (status) => {
        onStatus(status);
        return {};
      },
    };
  }

  #takeFolders(told: Told<'folders'>): ImapToldCalls['folders']['reply'] {
    if (!this.#hasLost) this.#places.findLost();
    this.#hasLost = true;
    this.#lostBefore = new Set(this.#places.lost().map(([id]) => id));
    this.#newcomers.turn();
    const toSync = this.#folders.take(told, this.#puts.interrupt());
    // Before the others are looked at: its messages may be in one of them, and the folder have another name.
    for (const id of this.#folders.gone) for (const uid of this.#places.uids(id)) this.#gone(id, uid);
    return { folders: toSync };
  }

  #opened({ path, uidValidity }: FolderRef): { known: number; mark: ReturnType<RemoteFolders['markOf']> } {
    const id = this.#idOf(path);
    if (id === undefined) return { known: 0, mark: undefined };
    if (this.#folders.uidValidityOf(id) !== uidValidity) {
      // Another life of the folder: its messages are lost until they turn up under other UIDs.
      for (const uid of this.#places.uids(id)) this.#places.remove(id, uid);
      this.#folders.begin(id, uidValidity);
    }
    return { known: this.#places.count(id), mark: this.#folders.markOf(id) };
  }

  #messages({ messages, path, uidValidity }: Told<'messages'>): void {
    const mailboxId = this.#idOf(path);
    if (mailboxId === undefined) return;
    const arrivals = new Arrivals({ account: this.account, places: this.#places, puts: this.#puts }, mailboxId);
    const isFirst = this.#folders.markOf(mailboxId) === undefined;
    for (const message of messages) {
      const { uid } = message;
      const known = this.#places.emailAt(mailboxId, uid);
      if (known !== undefined) this.#merge(known, message.keywords);
      else this.#arrived(message, { mailboxId, uidValidity, uid }, arrivals, isFirst);
    }
  }

  #arrived(message: RemoteMessage, place: Place, arrivals: Arrivals, isFirst: boolean): void {
    const { mailboxId } = place;
    const fingerprint = fingerprintOf(message.headerBlock);
    const arrival = this.#labelled(message, fingerprint, mailboxId) ?? arrivals.of(fingerprint, message.size);
    if (arrival.kind === 'new') {
      this.#newcomers.add(fingerprint, this.#add(message, place, isFirst));
      return;
    }
    const { emailId } = arrival;
    this.#puts.heard({ mailboxId: arrival.kind === 'moved' ? arrival.from : mailboxId, emailId });
    if (arrival.kind === 'surplus') {
      this.#deps.log.info({ email: emailId }, 'a message that is not to be at the server is taken away');
      if (this.account.email(emailId) === undefined) this.#places.forget(emailId);
      this.account.removeEmails([this.#add(message, place, true)], 'client');
      return;
    }
    this.#places.add(emailId, place);
    const wanted = arrival.kind === 'moved' ? this.#takeMade(emailId, arrival.from) : [];
    this.#merge(emailId, message.keywords);
    const mailboxIds = this.account.email(emailId)?.mailboxIds ?? [];
    if (wanted.length > 0)
      this.account.updateEmail(emailId, { mailboxIds: [...new Set([...mailboxIds, ...wanted])] }, 'client');
  }

  /** One that has another label is the same email. */
  #labelled({ messageId }: RemoteMessage, fingerprint: string, mailboxId: string): Arrival | undefined {
    if (messageId === undefined) return undefined;
    const isKnown = (id: string | undefined): boolean => id !== undefined && this.account.email(id) !== undefined;
    const emailId = [labelledId(messageId), this.#places.placedWith(fingerprint)].find(isKnown);
    if (emailId === undefined) return undefined;
    const isHere = this.#places.of(emailId).some((place) => place.mailboxId === mailboxId);
    return isHere ? undefined : { kind: 'known', emailId };
  }

  /** The server has what was made here, and somebody has moved it on from there. Answers where else it was to be. */
  #takeMade(emailId: string, from: string): string[] {
    const wanted: string[] = [];
    for (const { change, seq } of this.account.pendingOf(emailId))
      if (change.kind === 'emailCreate') {
        wanted.push(...change.mailboxIds.filter((id) => id !== from && this.account.mailbox(id) !== undefined));
        this.account.settle([seq]);
      }
    return wanted;
  }

  #add(message: RemoteMessage, place: Place, isFirst: boolean): string {
    const { headerBlock, keywords, receivedAt, size } = message;
    const { mailboxId } = place;
    const isNews = !isFirst && this.account.mailbox(mailboxId)?.role === 'inbox' && !keywords.includes('$seen');
    const id = this.#newId(message, place);
    this.account.putEmails(
      [
        {
          id,
          ...{ headerBlock, keywords, receivedAt, size },
          mailboxIds: [mailboxId],
          hasAttachment: false,
          preview: '',
          place: encodePlaces([place], 'unread'),
        },
      ],
      'agent',
      isNews ? 'delivered' : 'known',
    );
    this.#places.added(id, place);
    return id;
  }

  /** Made of the first place, or of what the server knows it by, so that it is the same when the store is filled again. */
  #newId({ messageId }: RemoteMessage, { mailboxId, uid, uidValidity }: Place): string {
    const id = messageId === undefined ? `${mailboxId}-${uidValidity}-${uid}` : labelledId(messageId);
    return this.account.email(id) === undefined ? id : `${id}-${Math.floor(this.#deps.clock.now()).toString(36)}`;
  }

  /** What the server says of one message of an email. */
  #merge(emailId: string, keywords: readonly string[]): void {
    const email = this.account.email(emailId);
    if (email === undefined) return; // destroyed here
    const places = this.#places.of(emailId);
    this.account.mergeEmail(emailId, { keywords, mailboxIds: places.map(({ mailboxId }) => mailboxId) });
    if (places.length < 2) return;
    // Its other messages are to have the same keywords: that is one more change of ours.
    const { added, removed } = difference(email.keywords, this.account.email(emailId)?.keywords ?? []);
    if (added.length + removed.length === 0) return;
    const after = this.account.email(emailId)?.keywords ?? [];
    this.account.updateEmail(emailId, { keywords: email.keywords }, 'agent');
    this.account.updateEmail(emailId, { keywords: after }, 'client');
  }

  #present({ path, uids }: Told<'present'>): { missing: Uint32Array } {
    const mailboxId = this.#idOf(path);
    if (mailboxId === undefined) return { missing: new Uint32Array(0) };
    const there = new Set(uids);
    for (const uid of this.#places.uids(mailboxId)) if (!there.has(uid)) this.#gone(mailboxId, uid);
    return { missing: this.#missing(mailboxId, uids) };
  }

  #changes({ flags, gone, path }: Told<'changes'>): ImapToldCalls['changes']['reply'] {
    const mailboxId = this.#idOf(path);
    if (mailboxId === undefined) return { missing: new Uint32Array(0), known: 0 };
    for (const uid of gone) this.#gone(mailboxId, uid);
    const unknown: number[] = [];
    for (const { keywords, uid } of flags) {
      const known = this.#places.emailAt(mailboxId, uid);
      if (known === undefined) unknown.push(uid);
      else this.#merge(known, keywords);
    }
    return { missing: this.#missing(mailboxId, unknown), known: this.#places.count(mailboxId) };
  }

  #synced(path: string, mark: FolderMark): void {
    const id = this.#idOf(path);
    // Of one that was destroyed here while it was looked at nothing was taken over: its mail stays unseen, and the folder.
    if (id === undefined) return;
    // The server says only once that a message is gone: what was not taken over is compared the next time.
    if (this.#unsettled.delete(id)) this.#folders.unmark(id);
    else this.#folders.mark(id, mark, this.#places.count(id));
  }

  #missing(mailboxId: string, uids: Iterable<number>): Uint32Array {
    const missing: number[] = [];
    for (const uid of uids) if (this.#places.emailAt(mailboxId, uid) === undefined) missing.push(uid);
    return Uint32Array.from(missing.sort((a, b) => b - a));
  }

  #gone(mailboxId: string, uid: number): void {
    // It may be there still, flagged by us, and the end came before it was expunged: that is done again.
    if (this.#isLeaving(mailboxId, uid)) {
      this.#unsettled.add(mailboxId);
      return;
    }
    const emailId = this.#places.remove(mailboxId, uid);
    const email = emailId === undefined ? undefined : this.account.email(emailId);
    // Without any place it stays as it is until all folders were looked at: it may have moved.
    if (email === undefined || this.#places.of(email.id).length === 0) return;
    this.#merge(email.id, email.keywords);
  }

  /** Whether a pending change of ours removes that message and the email, if it is one still, is elsewhere too. */
  #isLeaving(mailboxId: string, uid: number): boolean {
    const emailId = this.#places.emailAt(mailboxId, uid);
    if (emailId === undefined) return false;
    if (this.account.email(emailId) === undefined) return true;
    if (this.#places.of(emailId).length < 2) return false;
    return this.account
      .pendingOf(emailId)
      .some(({ change }) => change.kind === 'emailUpdate' && change.mailboxes.removed.includes(mailboxId));
  }

  /**
   * Answers whether another look is needed to know what has become of emails. Those of a folder that was not to be looked at
   * stay as they are.
   */
  #current(refused: Told<'current'>['refused']): boolean {
    const created = new Set(
      this.account
        .pending(Number.MAX_SAFE_INTEGER)
        .filter(({ change }) => change.kind === 'emailCreate')
        .map(({ object }) => object),
    );
    const unseen = refused.flatMap((path) => this.#folders.idOf(path) ?? []);
    const gone = [...this.#folders.gone];
    let again = false;
    for (const [id, fingerprint] of this.#places.lost()) {
      if (created.has(id) || this.#isNewcomer(id, fingerprint)) continue;
      // Lost while this look went on: it may have moved to a folder that had been looked at already.
      if (!this.#lostBefore.has(id)) {
        again = true;
        continue;
      }
      if (this.account.email(id)?.mailboxIds.some((mailboxId) => unseen.includes(mailboxId)) === true) continue;
      this.account.removeEmails([id], 'agent');
      this.#places.forget(id);
    }
    this.#steps.looked(unseen);
    const depth = (id: string): number => {
      const parent = this.account.mailbox(id)?.parentId ?? null;
      return parent === null ? 0 : 1 + depth(parent);
    };
    for (const id of gone.sort((a, b) => depth(b) - depth(a))) if (!again) this.#removeFolder(id);
    return again;
  }

  /** Whether a lost email is one that seemed to be new: then that was a move, and it keeps its id. */
  #isNewcomer(lost: string, fingerprint: string): boolean {
    const newcomer = this.#newcomers.take(fingerprint);
    const email = newcomer === undefined ? undefined : this.account.email(newcomer);
    // What somebody has begun to change stays as they see it.
    if (email === undefined || this.account.pendingOf(email.id).length > 0) return false;
    const places = this.#places.of(email.id);
    if (places.length === 0) return false;
    if (this.account.email(lost) === undefined) {
      // Destroyed here while it moved: it goes from where it is now.
      this.account.removeEmails([email.id], 'client');
      this.#places.forget(lost);
      return true;
    }
    for (const place of places) this.#places.add(lost, place);
    this.#merge(lost, email.keywords);
    this.account.removeEmails([email.id], 'agent');
    this.#places.forget(email.id);
    return true;
  }

  /** One that something is still to be put into is made again instead. */
  #removeFolder(id: string): void {
    const isWanted =
      this.account.counts(id).totalEmails > 0 || this.account.mailboxes().some(({ parentId }) => parentId === id);
    this.#folders.forget(id);
    this.#places.leave(id);
    const mailbox = this.account.mailbox(id);
    if (mailbox === undefined) return;
    if (!isWanted) this.account.removeMailbox(id, 'agent');
    else {
      // As new, by the same id: what is in it now is only here.
      this.account.putMailbox({ ...mailbox, name: mailbox.name }, 'client');
    }
  }

  /** Undefined for a folder whose mailbox was destroyed here. */
  #idOf(path: string): string | undefined {
    const id = this.#folders.idOf(path);
    return id === undefined || this.account.mailbox(id) === undefined ? undefined : id;
  }
}

function labelledId(messageId: string): string {
  return `m${messageId}`;
}

/**
 * What is to be done at the server for one pending change, one step at a time: each step is planned from where the messages
 * are now, so a step whose outcome was lost is planned again only if the server does not show it as done.
 *
 * A message is copied before it is removed, and what is removed always has another place, unless it was destroyed.
 */
import type { MailAccount, PendingChange, PendingKind } from '../../../jmap/index.ts';
import type { FolderRef, Step } from './imap-protocol.ts';
import { flagOf, spellingsOf } from './keywords.ts';
import { decodePlaces, type Place, type Places } from './places.ts';
import type { RemoteFolders } from './remote-folders.ts';

/** A step that needs the bytes of a message that was made here. */
export interface AppendPlan {
  readonly kind: 'append';
  readonly blobId: string;
  readonly mailboxId: string;
  readonly keywords: readonly string[];
}

export type PlannedStep = Exclude<Step, { kind: 'append' }> | AppendPlan;

export type Plan =
  | { readonly kind: 'step'; readonly step: PlannedStep; readonly place?: Place; readonly to?: string }
  /** Nothing is left to be done. */
  | { readonly kind: 'settled' }
  /** Only the next look at all folders shows how to go on. */
  | { readonly kind: 'waiting' };

export interface PlanView {
  readonly account: MailAccount;
  readonly places: Places;
  readonly folders: RemoteFolders;
  /** Whether a step of this change was done that leaves no trace in a place. */
  isDone(seq: number, what: string): boolean;
}

const SETTLED: Plan = { kind: 'settled' };

export function planOf(view: PlanView, pending: PendingChange): Plan {
  const { change, object } = pending;
  switch (change.kind) {
    case 'emailCreate':
      return planCreation(view, pending.seq, object, change);
    case 'emailUpdate':
      return planUpdate(view, pending.seq, object, change);
    case 'emailDestroy': {
      const place = decodePlaces(change.place).places.find(
        ({ mailboxId, uid, uidValidity }) =>
          view.folders.uidValidityOf(mailboxId) === uidValidity && view.places.emailAt(mailboxId, uid) === object,
      );
      return place === undefined ? SETTLED : expungeAt(view, place);
    }
    case 'mailboxCreate':
    case 'mailboxUpdate':
      return planMailbox(view, pending.seq, object, change);
    case 'mailboxDestroy': {
      const path = view.folders.pathOf(object);
      if (path === undefined || view.folders.gone.has(object)) return SETTLED;
      const kept = keptIn(view, object);
      if (kept !== undefined) return kept === 'moving' ? { kind: 'waiting' } : SETTLED;
      const uidNext = view.folders.markOf(object)?.uidNext ?? 1;
      const folder = { path, uidValidity: view.folders.uidValidityOf(object) };
      return { kind: 'step', step: { kind: 'deleteFolder', folder, uidNext } };
    }
  }
}

/** Whether mail that is still here has no other place: it would go with the folder. */
function keptIn({ account, places }: PlanView, mailboxId: string): 'moving' | 'staying' | undefined {
  let kept: 'staying' | undefined;
  for (const uid of places.uids(mailboxId)) {
    const email = account.email(places.emailAt(mailboxId, uid) ?? '');
    if (email === undefined || places.of(email.id).some((place) => place.mailboxId !== mailboxId)) continue;
    if (account.pendingOf(email.id).some(({ change }) => change.kind === 'emailUpdate')) return 'moving';
    kept = 'staying';
  }
  return kept;
}

type Creation = Extract<PendingKind, { kind: 'emailCreate' }>;

/** Where a message that was made here is put: what it was made in may be destroyed since, and it be in others. */
export function goalsOf(account: MailAccount, emailId: string, { mailboxIds }: Creation): readonly string[] {
  const isThere = mailboxIds.some((id) => account.mailbox(id) !== undefined);
  return isThere ? mailboxIds : (account.email(emailId)?.mailboxIds ?? mailboxIds);
}

function planCreation(view: PlanView, seq: number, emailId: string, change: Creation): Plan {
  const { blobId, keywords } = change;
  if (view.account.email(emailId) === undefined || blobId === null) return SETTLED;
  const mailboxIds = goalsOf(view.account, emailId, change);
  const places = view.places.of(emailId);
  if (places.length > 0) return planCopies(view, seq, emailId, mailboxIds, []);
  if (view.isDone(seq, 'append')) return { kind: 'waiting' };
  const mailboxId = mailboxIds.find((id) => view.folders.pathOf(id) !== undefined);
  // Its mailbox is still to be made.
  if (mailboxId === undefined) return { kind: 'waiting' };
  return { kind: 'step', step: { kind: 'append', blobId, mailboxId, keywords }, to: mailboxId };
}

type Update = Extract<PendingKind, { kind: 'emailUpdate' }>;

function planUpdate(view: PlanView, seq: number, emailId: string, { keywords, mailboxes }: Update): Plan {
  const places = view.places.of(emailId);
  // Gone: here, since it was destroyed after that; or there, and then it goes here too.
  if (places.length === 0) return view.account.email(emailId) === undefined ? SETTLED : { kind: 'waiting' };
  if (keywords.added.length + keywords.removed.length > 0)
    for (const place of places) {
      if (view.isDone(seq, `store ${place.mailboxId}`)) continue;
      const folder = refOf(view, place);
      if (folder === undefined) return { kind: 'waiting' };
      const add = keywords.added.map(flagOf);
      const remove = keywords.removed.flatMap(spellingsOf);
      return { kind: 'step', step: { kind: 'store', folder, uids: [place.uid], add, remove }, place };
    }
  return planCopies(view, seq, emailId, mailboxes.added, mailboxes.removed);
}

function planCopies(
  view: PlanView,
  seq: number,
  emailId: string,
  added: readonly string[],
  removed: readonly string[],
): Plan {
  const places = view.places.of(emailId);
  // What is in the mailbox of all mail stays there until it is destroyed: some servers would take it for that.
  const leaving = places.filter(
    ({ mailboxId }) => removed.includes(mailboxId) && view.account.mailbox(mailboxId)?.role !== 'all',
  );
  const source = leaving[0] ?? places[0];
  if (source === undefined) return { kind: 'waiting' };
  const to = added.filter(
    (id) => view.folders.pathOf(id) !== undefined && !places.some(({ mailboxId }) => mailboxId === id),
  );
  for (const [index, mailboxId] of to.entries()) {
    if (view.isDone(seq, `copy ${mailboxId}`)) continue;
    const folder = refOf(view, source);
    const path = view.folders.pathOf(mailboxId);
    if (folder === undefined || path === undefined) return { kind: 'waiting' };
    const isLast = index === to.length - 1;
    const kind = isLast && leaving.length > 0 ? 'move' : 'copy';
    return { kind: 'step', step: { kind, folder, uid: source.uid, to: path }, place: source, to: mailboxId };
  }
  // Copied, and the server has not said where to; or wanted in a mailbox that is still to be made.
  if (to.length > 0 || added.some((id) => isUnmade(view, emailId, id))) return { kind: 'waiting' };
  const staying = places.length - leaving.length;
  const [place] = leaving;
  return place === undefined || staying === 0 ? SETTLED : expungeAt(view, place);
}

/** Whether an email is to be in a mailbox that the server did not make so far. */
function isUnmade({ account, folders }: PlanView, emailId: string, mailboxId: string): boolean {
  if (account.mailbox(mailboxId) === undefined || folders.pathOf(mailboxId) !== undefined) return false;
  return account.email(emailId)?.mailboxIds.includes(mailboxId) === true;
}

function planMailbox(view: PlanView, seq: number, mailboxId: string, change: PendingKind): Plan {
  const mailbox = view.account.mailbox(mailboxId);
  if (mailbox === undefined) return SETTLED;
  const { folders } = view;
  const path = folders.pathOf(mailboxId);
  const wanted = folders.pathFor(mailbox);
  const { isSubscribed } = mailbox;
  if (path === undefined) return { kind: 'step', step: { kind: 'createFolder', path: wanted, isSubscribed } };
  if (path !== wanted && mailbox.role !== 'inbox')
    return { kind: 'step', step: { kind: 'renameFolder', path, to: wanted } };
  const isSubscriptionNew = change.kind === 'mailboxUpdate' && change.before.isSubscribed !== isSubscribed;
  if (!isSubscriptionNew || view.isDone(seq, 'subscribe')) return SETTLED;
  return { kind: 'step', step: { kind: 'subscribe', path, isSubscribed } };
}

function expungeAt(view: PlanView, place: Place): Plan {
  const folder = refOf(view, place);
  if (folder === undefined) return SETTLED;
  return { kind: 'step', step: { kind: 'expunge', folder, uids: [place.uid] }, place };
}

function refOf({ folders }: PlanView, { mailboxId }: Place): FolderRef | undefined {
  const path = folders.pathOf(mailboxId);
  return path === undefined ? undefined : { path, uidValidity: folders.uidValidityOf(mailboxId) };
}

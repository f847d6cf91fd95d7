/**
 * Goes through what is pending for an account: hands out the next step, and takes over what became of it. Steps of the same
 * kind for many messages of one folder are one command. What the server refuses again and again is given up, and what it says
 * is shown, except for messages and mailboxes that are only here: these are never given up.
 */
import type { Clock, Log } from '../../../base/index.ts';
import type { BlobStore, MailAccount, PendingChange } from '../../../jmap/index.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { Step, StepOutcome } from './imap-protocol.ts';
import { flagOf } from './keywords.ts';
import {
  PENDING_WINDOW,
  REFUSED_REST_CEILING_MS,
  REFUSED_REST_MS,
  STEP_LOST_MAX,
  STEP_TRIES_MAX,
  STEP_UIDS_MAX,
} from './limits.ts';
import { encodePlaces, type Place, type Places } from './places.ts';
import { type AppendPlan, type Plan, type PlanView, planOf } from './plan.ts';
import type { Puts } from './puts.ts';
import type { RemoteFolders } from './remote-folders.ts';

export interface PendingStepsDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly account: MailAccount;
  readonly blobs: BlobStore;
  readonly places: Places;
  readonly folders: RemoteFolders;
  readonly puts: Puts;
}

type StepPlan = Extract<Plan, { kind: 'step' }>;

interface UnderWay {
  readonly plan: StepPlan;
  /** All changes that this step is for, with the place that each is about. */
  readonly changes: readonly { readonly pending: PendingChange; readonly place: Place | undefined }[];
}

export class PendingSteps {
  readonly #deps: PendingStepsDeps;
  readonly #view: PlanView;
  /** What was done of a change and has left no trace in a place. Forgotten at an end: all of it may be done again. */
  readonly #done = new Set<string>();
  readonly #tries = new Map<number, number>();
  /** How often in a row it was not heard what became of a change. */
  readonly #lost = new Map<number, number>();
  /** Refused, or lost again and again: until all folders were looked at again, and no sooner than this moment of the clock. */
  readonly #resting = new Map<number, number>();
  #underWay: UnderWay | undefined;

  constructor(deps: PendingStepsDeps) {
    this.#deps = deps;
    const { account, folders, places } = deps;
    this.#view = { account, places, folders, isDone: (seq, what) => this.#done.has(`${seq} ${what}`) };
  }

  /** `look`: something waits for the next look at all folders. */
  async next(): Promise<{ readonly step: Step | undefined; readonly look: boolean }> {
    const { account } = this.#deps;
    this.#noteLost();
    let look = false;
    const blocked = new Set<string>();
    for (let after: number | undefined = 0; after !== undefined; ) {
      const pending = account.pending(PENDING_WINDOW, after);
      for (const [index, change] of pending.entries()) {
        if (this.#resting.has(change.seq) || blocked.has(change.object)) {
          blocked.add(change.object);
          continue;
        }
        const plan = planOf(this.#view, change);
        if (plan.kind === 'settled') {
          this.#settle(change);
          look ||= this.#showKept(change);
          continue;
        }
        if (plan.kind === 'waiting') {
          // Only what the server has done and not told: the rest waits for something else that is pending.
          look ||= this.#hasTrace(change.seq);
          blocked.add(change.object);
          continue;
        }
        const step = await this.#begin(change, plan, pending.slice(index + 1), blocked);
        if (step !== undefined) return { step, look: false };
        blocked.add(change.object);
      }
      after = pending.at(-1)?.seq;
    }
    return { step: undefined, look };
  }

  /** Whoever asks for the next step and has not said what became of the last has lost the connection. */
  #noteLost(): void {
    const { changes = [] } = this.#underWay ?? {};
    this.#underWay = undefined;
    for (const { pending } of changes) {
      const lost = (this.#lost.get(pending.seq) ?? 0) + 1;
      this.#lost.set(pending.seq, lost);
      if (lost >= STEP_LOST_MAX) this.#rest(pending, lost - STEP_LOST_MAX);
    }
  }

  /** The longer the more often it has rested before. */
  #rest({ seq }: PendingChange, times: number): void {
    const restMs = Math.min(REFUSED_REST_MS * 2 ** times, REFUSED_REST_CEILING_MS);
    this.#resting.set(seq, this.#deps.clock.monotonic() + restMs);
  }

  /** What became of the step that was handed out last. */
  take(outcome: StepOutcome): void {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    if (underWay === undefined) return;
    const { changes, plan } = underWay;
    this.#endPut(changes, outcome);
    for (const { pending } of changes) this.#lost.delete(pending.seq);
    for (const { pending, place } of changes)
      if (outcome.status === 'refused') this.#refused(pending, plan, outcome.reason);
      else this.#doneStep(pending, plan, place, outcome);
  }

  /** One that was destroyed here meanwhile, and of which the server does not say where it is, will turn up. */
  #endPut(changes: UnderWay['changes'], outcome: StepOutcome): void {
    const { account, puts } = this.#deps;
    const isSaid = outcome.status === 'refused' || outcome.at !== undefined;
    if (isSaid || changes.every(({ pending }) => account.email(pending.object) !== undefined)) puts.end();
    else puts.interrupt();
  }

  /** All folders but the unseen were looked at: what rested may go on; what left no trace anywhere never will. */
  looked(unseen: readonly string[]): void {
    const { account, clock, places } = this.#deps;
    for (const [seq, until] of this.#resting) if (until <= clock.monotonic()) this.#resting.delete(seq);
    for (const change of account.pending(Number.MAX_SAFE_INTEGER)) {
      const { kind } = change.change;
      if (!this.#hasTrace(change.seq) || account.email(change.object)?.mailboxIds.some((id) => unseen.includes(id)))
        continue;
      if (kind === 'emailCreate' && places.of(change.object).length === 0) {
        // The server has it, changed beyond recognition: what it shows now is that message.
        this.#settle(change);
        account.removeEmails([change.object], 'agent');
        places.forget(change.object);
      } else if (kind === 'emailUpdate' || kind === 'emailCreate') this.#lookedForCopy(change);
    }
  }

  /** One that is nowhere was made of a message that had gone: it is made of another, if there is one, but not for ever. */
  #lookedForCopy(change: PendingChange): void {
    const { places } = this.#deps;
    const { object, seq } = change;
    const copies = [...this.#done].filter((done) => done.startsWith(`${seq} copy `));
    if (copies.length === 0 || planOf(this.#view, change).kind !== 'waiting') return;
    const tries = (this.#tries.get(seq) ?? 0) + 1;
    this.#tries.set(seq, tries);
    if (tries < STEP_TRIES_MAX && places.of(object).length > 0) {
      for (const copy of copies) this.#done.delete(copy);
      return;
    }
    this.#settle(change);
    this.#showPlaces(object);
  }

  #hasTrace(seq: number): boolean {
    for (const done of this.#done) if (done.startsWith(`${seq} `) && !done.startsWith(`${seq} store`)) return true;
    return false;
  }

  /** The step in full; undefined when it cannot be begun. */
  async #begin(
    change: PendingChange,
    plan: StepPlan,
    later: readonly PendingChange[],
    blocked: ReadonlySet<string>,
  ): Promise<Step | undefined> {
    const { step } = plan;
    if (plan.to !== undefined) this.#beginPut(change.object, plan.to);
    if (step.kind === 'append') {
      const append = await this.#append(change, step);
      if (append === undefined) this.#deps.puts.end();
      else this.#underWay = { plan, changes: [{ pending: change, place: undefined }] };
      return append;
    }
    const changes = [{ pending: change, place: plan.place }];
    if (step.kind !== 'store' && step.kind !== 'expunge') {
      this.#underWay = { plan, changes };
      return step;
    }
    const seen = new Set([...blocked, change.object]);
    for (const other of later) {
      if (changes.length >= STEP_UIDS_MAX) break;
      if (seen.has(other.object) || other.change.kind !== change.change.kind) {
        seen.add(other.object);
        continue;
      }
      seen.add(other.object);
      const same = planOf(this.#view, other);
      if (same.kind !== 'step' || !isSameCommand(step, same.step) || same.place === undefined) continue;
      changes.push({ pending: other, place: same.place });
    }
    this.#underWay = { plan, changes };
    return { ...step, uids: changes.flatMap(({ place }) => (place === undefined ? [] : [place.uid])) };
  }

  #beginPut(emailId: string, mailboxId: string): void {
    const { account, puts } = this.#deps;
    const email = account.email(emailId);
    if (email === undefined) return;
    const fingerprint = fingerprintOf(account.headerBlock(email));
    puts.begin({ mailboxId, emailId, fingerprint, size: email.size });
  }

  async #append(change: PendingChange, { blobId, keywords, mailboxId }: AppendPlan): Promise<Step | undefined> {
    const { account, blobs, folders, log } = this.#deps;
    const email = account.email(change.object);
    const path = folders.pathOf(mailboxId);
    if (email === undefined || path === undefined) return undefined;
    let mime: Uint8Array | undefined;
    try {
      mime = await bytesOf(blobs, account.id, blobId);
    } catch (error) {
      // The disk may be well again later; what is pending for other messages need not wait for it.
      log.error({ email: change.object, error }, 'the bytes of a message that was made here cannot be read now');
      const tries = (this.#tries.get(change.seq) ?? 0) + 1;
      this.#tries.set(change.seq, tries);
      this.#rest(change, tries);
      return undefined;
    }
    if (mime === undefined) {
      log.error({ email: change.object }, 'the bytes of a message that was made here are gone');
      this.#settle(change);
      return undefined;
    }
    return { kind: 'append', path, mime, flags: keywords.map(flagOf), receivedAt: email.receivedAt };
  }

  #doneStep(
    { change, object, seq }: PendingChange,
    { step, to }: StepPlan,
    place: Place | undefined,
    { at, hasLeft }: Extract<StepOutcome, { status: 'done' }>,
  ): void {
    const { folders, places } = this.#deps;
    const arrived = to === undefined || at === undefined ? undefined : { mailboxId: to, ...at };
    switch (step.kind) {
      case 'append':
      case 'copy':
      case 'move':
        // A folder that was only just made has not been looked at.
        if (arrived !== undefined && folders.uidValidityOf(arrived.mailboxId) === '')
          folders.begin(arrived.mailboxId, arrived.uidValidity);
        if (arrived !== undefined && isCurrent(folders, arrived)) this.#arrived(object, arrived);
        else this.#done.add(`${seq} ${step.kind === 'append' ? 'append' : `copy ${to}`}`);
        if (hasLeft === true && place !== undefined) places.remove(place.mailboxId, place.uid);
        return;
      case 'store':
        this.#done.add(`${seq} store ${place?.mailboxId}`);
        return;
      case 'expunge':
        if (place !== undefined) places.remove(place.mailboxId, place.uid);
        return;
      case 'createFolder':
        folders.moved(object, step.path);
        return;
      case 'renameFolder':
        folders.moved(object, step.to);
        return;
      case 'subscribe':
        this.#done.add(`${seq} subscribe`);
        return;
      case 'deleteFolder':
        if (change.kind === 'mailboxDestroy') this.#forgetFolder(object);
        return;
    }
  }

  /** An email that was destroyed here while its message was on its way is to go there too. */
  #arrived(emailId: string, place: Place): void {
    const { account, places } = this.#deps;
    places.add(emailId, place);
    if (account.email(emailId) === undefined) account.destroyAt(emailId, encodePlaces([place], 'read'));
  }

  #refused(pending: PendingChange, plan: StepPlan, reason: string): void {
    const { log } = this.#deps;
    const { change, seq } = pending;
    const tries = (this.#tries.get(seq) ?? 0) + 1;
    this.#tries.set(seq, tries);
    const isMessage = plan.step.kind === 'append';
    if (isMessage && tries >= STEP_TRIES_MAX) this.#rest(pending, tries - STEP_TRIES_MAX);
    else this.#resting.set(seq, 0);
    const isOnlyHere = isMessage || plan.step.kind === 'createFolder';
    if (isOnlyHere || tries < STEP_TRIES_MAX) {
      log.warn({ kind: plan.step.kind, reason, tries }, 'the server has refused a change, which is tried again');
      return;
    }
    log.error({ kind: plan.step.kind, reason }, 'the server refuses a change, which is given up');
    this.#settle(pending);
    this.#showServers(pending, plan);
    if (change.kind === 'mailboxDestroy') this.#forgetFolder(pending.object);
  }

  #forgetFolder(mailboxId: string): void {
    this.#deps.folders.forget(mailboxId);
    this.#deps.places.leave(mailboxId);
  }

  /** The folder is compared as a whole, and what it says is shown. */
  #showServers({ object }: PendingChange, { place }: StepPlan): void {
    const { account, folders, places } = this.#deps;
    if (place === undefined) return;
    folders.unmark(place.mailboxId);
    if (account.email(object) === undefined) places.remove(place.mailboxId, place.uid);
    else this.#showPlaces(object);
  }

  /** What the plan has left where it is. Answers whether a look at all folders shows it. */
  #showKept({ change, object }: PendingChange): boolean {
    const { account, folders, places } = this.#deps;
    if (change.kind === 'mailboxDestroy' && folders.pathOf(object) !== undefined && !folders.gone.has(object)) {
      this.#forgetFolder(object);
      return true;
    }
    if (change.kind !== 'emailUpdate' || account.pendingOf(object).length > 0) return false;
    if (places.of(object).some((place) => change.mailboxes.removed.includes(place.mailboxId))) this.#showPlaces(object);
    return false;
  }

  #showPlaces(emailId: string): void {
    const { account, places } = this.#deps;
    const keywords = account.email(emailId)?.keywords;
    const mailboxIds = places.of(emailId).map(({ mailboxId }) => mailboxId);
    if (keywords !== undefined) account.mergeEmail(emailId, { keywords, mailboxIds });
  }

  #settle({ seq }: PendingChange): void {
    this.#deps.account.settle([seq]);
    this.#tries.delete(seq);
    this.#lost.delete(seq);
    this.#resting.delete(seq);
    for (const done of this.#done) if (done.startsWith(`${seq} `)) this.#done.delete(done);
  }
}

/** Undefined: there are none. */
async function bytesOf(blobs: BlobStore, accountId: string, blobId: string): Promise<Uint8Array | undefined> {
  const size = await blobs.size(accountId, blobId);
  if (size === undefined) return undefined;
  const pieces: Uint8Array[] = [];
  for await (const piece of blobs.read(accountId, blobId, { start: 0, end: size })) pieces.push(piece);
  return new Uint8Array(Buffer.concat(pieces));
}

function isCurrent(folders: RemoteFolders, { mailboxId, uidValidity }: Place): boolean {
  return folders.uidValidityOf(mailboxId) === uidValidity;
}

function isSameCommand(a: StepPlan['step'], b: StepPlan['step']): boolean {
  const withoutUids = (step: StepPlan['step']): string => JSON.stringify({ ...step, uids: [] });
  return withoutUids(a) === withoutUids(b);
}

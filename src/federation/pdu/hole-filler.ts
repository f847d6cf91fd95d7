/**
 * Fetches what our PDUs follow and we lack: from the home that hinted at it, then from any home of the conversation. Each
 * answer is judged as if a stranger had sent it; only what was asked for, or what that follows, is taken. A hole that nobody
 * can fill waits its turn and blocks nothing.
 */
import { type Clock, type CryptoSuite, isAbort, type Log } from '../../base/index.ts';
import {
  type ConversationId,
  decodePdus,
  type HomeName,
  homeOf,
  type Item,
  type PduId,
  ProtocolError,
} from '../../protocol/index.ts';
import { within } from '../deadline.ts';
import { FederationError } from '../federation-error.ts';
import type { Commit, FederationLink, StagedPdu } from '../ports.ts';
import type { AuthorCheck } from './author-check.ts';
import type { Conversations } from './conversations.ts';
import type { Hole, Holes } from './holes.ts';
import {
  ANSWER_PDUS_MAX,
  ASK_TIMEOUT_MS,
  ASKED_PDUS_MAX,
  FETCH_HOMES_MAX,
  FETCH_ROUNDS_MAX,
  FETCHED_PDUS_MAX,
  FETCHES_AT_ONCE,
} from './limits.ts';
import { type Form, judgeForm } from './pdu-form.ts';
import type { LocalPeople, PduView } from './pdu-view.ts';

export interface HoleFillerDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly log: Log;
  readonly link: Pick<FederationLink, 'backfill'>;
  readonly view: PduView;
  readonly local: LocalPeople;
  readonly authors: AuthorCheck;
  readonly conversations: Conversations;
  readonly holes: Holes;
  readonly commit: Commit;
  /** Nothing that was lacking lacks any more; said again when we crash before it is settled. */
  readonly onFilled: (conversation: ConversationId) => Promise<void>;
}

type Fine = Extract<Form, { status: 'fine' }>;

export class HoleFiller {
  readonly #deps: HoleFillerDeps;
  readonly #home: HomeName;

  constructor(deps: HoleFillerDeps, options: { readonly home: HomeName }) {
    this.#deps = deps;
    this.#home = options.home;
  }

  /** Runs until the signal. A home that takes its time holds up its own conversation, and no other. */
  async run(signal: AbortSignal): Promise<void> {
    const { holes } = this.#deps;
    const underWay = new Map<ConversationId, Promise<void>>();
    while (!signal.aborted) {
      const changed = holes.whenChanged();
      for (const hole of holes.due(FETCHES_AT_ONCE + underWay.size)) {
        if (underWay.size >= FETCHES_AT_ONCE || underWay.has(hole.conversation)) continue;
        const filling = this.#tryToFill(hole, signal).finally(() => underWay.delete(hole.conversation));
        underWay.set(hole.conversation, filling);
      }
      await this.#rest([changed, ...underWay.values()], underWay, signal);
    }
    await Promise.all(underWay.values());
  }

  /** Until one of these happens, or, with room for one more, until something is due. */
  async #rest(
    happenings: readonly Promise<void>[],
    underWay: ReadonlyMap<ConversationId, Promise<void>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { holes, clock } = this.#deps;
    const wait = new AbortController();
    const either = AbortSignal.any([signal, wait.signal]);
    const waitMs = underWay.size < FETCHES_AT_ONCE ? holes.waitMs(underWay) : undefined;
    const later = waitMs === undefined ? aborted(either) : clock.sleep(waitMs, either);
    await Promise.race([...happenings, later.catch((error: unknown) => rethrow(error, either))]);
    wait.abort();
  }

  async #tryToFill(hole: Hole, signal: AbortSignal): Promise<void> {
    const { holes, log, onFilled } = this.#deps;
    try {
      if (!(await this.#fill(hole, signal))) return holes.putOff(hole.conversation);
      await onFilled(hole.conversation);
      await holes.filled(hole);
    } catch (error) {
      if (isAbort(error, signal)) return;
      log.error({ error, conversation: hole.conversation }, 'what a conversation lacks could not be fetched');
      holes.putOff(hole.conversation);
    }
  }

  /** Whether nothing lacks any more. */
  async #fill(hole: Hole, signal: AbortSignal): Promise<boolean> {
    const homes = await this.#homesToAsk(hole);
    let fetched = 0;
    for (const home of homes) {
      for (let round = 0; round < FETCH_ROUNDS_MAX && fetched < FETCHED_PDUS_MAX; round++) {
        const lacking = await this.#lacking(hole, home);
        if (lacking.length === 0) return true;
        const taken = await this.#askHome(home, hole.conversation, lacking.slice(0, ASKED_PDUS_MAX), signal);
        if (taken === 0) break;
        fetched += taken;
      }
    }
    return (await this.#lacking(hole)).length === 0;
  }

  /** What `first` says it holds comes first: others may never have heard of it. */
  async #lacking({ conversation, hinted }: Hole, first?: HomeName): Promise<readonly PduId[]> {
    const fold = await this.#deps.conversations.get(conversation);
    const own = first === undefined ? [] : (hinted.get(first) ?? []);
    const all = [...own, ...fold.missing, ...[...hinted.values()].flat()];
    const missing = new Set(fold.missing);
    return [...new Set(all)].filter((id) => missing.has(id) || !fold.has(id));
  }

  /** Those that hinted, then those of the conversation's people, whether or not they are members now. */
  async #homesToAsk({ conversation, hinted }: Hole): Promise<readonly HomeName[]> {
    const homes = new Set<HomeName>(hinted.keys());
    for (const { pdu } of await this.#deps.view.page(conversation, undefined, ANSWER_PDUS_MAX)) {
      homes.add(homeOf(pdu.author));
      for (const recipient of pdu.recipients) homes.add(homeOf(recipient));
    }
    for (const address of (await this.#deps.conversations.get(conversation)).state.members.keys())
      homes.add(homeOf(address));
    homes.delete(this.#home);
    return [...homes].slice(0, FETCH_HOMES_MAX);
  }

  /** How many new PDUs it gave. */
  async #askHome(
    home: HomeName,
    conversation: ConversationId,
    ids: readonly PduId[],
    signal: AbortSignal,
  ): Promise<number> {
    const { clock, link, log } = this.#deps;
    try {
      return await within(clock, ASK_TIMEOUT_MS, signal, async (ending) => {
        const answer = decodePdus(await link.backfill(home, conversation, ids, ANSWER_PDUS_MAX, ending));
        return this.#take(conversation, ids, answer.pdus.slice(0, ANSWER_PDUS_MAX), ending);
      });
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof FederationError) && !(error instanceof ProtocolError)) throw error;
      log.info({ home, conversation, error: error.message }, 'a home does not give what is lacking');
      return 0;
    }
  }

  async #take(
    conversation: ConversationId,
    asked: readonly PduId[],
    items: readonly Item[],
    signal: AbortSignal,
  ): Promise<number> {
    const { authors, commit, holes, view } = this.#deps;
    const wanted = new Set(asked);
    const fine: Fine[] = [];
    for (const item of items) {
      const form = judgeForm(this.#deps.suite, item);
      if (form.status !== 'fine' || form.isOwed) continue;
      if (form.pdu.conversation !== conversation || !wanted.has(form.pdu.id)) continue;
      for (const id of form.pdu.prev) wanted.add(id);
      fine.push(form);
    }
    const authorships = await authors.check(
      fine.map(({ pdu }) => pdu),
      signal,
    );
    const right = await Promise.all(
      fine.filter((_, i) => authorships[i]?.status === 'right').map((form) => this.#staged(form)),
    );
    return commit(async (staging) => {
      const held = await view.areHeld(
        staging.rows,
        right.map(({ pdu }) => pdu.id),
      );
      const fresh = right.filter((_, i) => held[i] !== true);
      await staging.append(fresh);
      await holes.note(
        staging.rows,
        fresh.map(({ pdu }) => pdu),
      );
      return fresh.length;
    });
  }

  /** Delivered to the recipients who live here, if the body came; otherwise their own copy is still to come. */
  async #staged({ pdu, body }: Fine): Promise<StagedPdu> {
    // With attachments it is for the fold alone: its author's home sends it, and we take it when all of it is here.
    if (body === undefined || pdu.attached !== undefined) return { pdu, body: undefined, accounts: [] };
    const here = pdu.recipients.filter((recipient) => homeOf(recipient) === this.#home);
    const admissions = await this.#deps.local.admit(here.map((address) => ({ address, sizeBytes: pdu.body.size })));
    // Whoever is not named when it is delivered never gets it, since the copy that is to come is a duplicate then: it waits for
    // those who have no room now, or of whom nobody can tell, as in the inbox.
    const isForLater = admissions.some((admission) => admission === 'uncertain' || admission === 'over_quota');
    const accounts = isForLater ? [] : here.filter((_, i) => admissions[i] === 'ok');
    // Mail that nobody here takes now is held for the fold alone.
    return accounts.length === 0 && pdu.type === 'mail' ? { pdu, body: undefined, accounts } : { pdu, body, accounts };
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function rethrow(error: unknown, signal: AbortSignal): void {
  if (!isAbort(error, signal)) throw error;
}

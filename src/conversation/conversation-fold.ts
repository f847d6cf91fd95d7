/**
 * What a set of PDUs of one conversation means: who is in it, as what, and which PDUs count. A pure function of the set,
 * whatever the order and the batches in which it arrives (docs/protocol/conversation.md). PDUs come verified: form,
 * signature and body hash are judged before. What does not count stays where it was delivered.
 */
import { type Address, type ConversationId, type Pdu, type PduId, ProtocolError } from '../protocol/index.ts';
import { type ConversationSettings, parseChange, type Role } from './change.ts';
import { ChangeBook } from './change-book.ts';
import { ChangeSet } from './change-set.ts';
import { BRANCHES_KEPT_MAX, CHANGES_MAX, WAITING_PDUS_MAX } from './limits.ts';
import { type Candidate, PduGraph, type Refusal } from './pdu-graph.ts';
import { type Act, type Change, compareChanges, endsRight, rightTo } from './rights.ts';
import { findUnseenMail, MAIL_NEED, type SweptPdu } from './unseen-mail.ts';
import { groundOf, type Weighed, weigh } from './weighing.ts';

export interface ConversationPdu {
  readonly pdu: Pick<
    Pdu,
    'author' | 'conversation' | 'depth' | 'id' | 'nonce' | 'prev' | 'recipients' | 'stateKey' | 'type'
  >;
  /** Needed for `member` and `state`; of mail it is not looked at. */
  readonly body?: Uint8Array | undefined;
}

/** `no_body`: a change without its body is as good as not here, and its id is missing. */
export type Placement = 'admitted' | 'waiting' | 'duplicate' | 'no_body' | Refusal;

export interface Member {
  readonly role: Role;
  /** The PDU that says so. */
  readonly by: PduId;
}

export interface ConversationState {
  readonly founder: Address | undefined;
  /** The founding mail; the lowest id when the founder made several. */
  readonly founding: PduId | undefined;
  /** Everybody who ever was somebody, `left` and `removed` too, in the order of their addresses. */
  readonly members: ReadonlyMap<Address, Member>;
  readonly settings: ConversationSettings;
}

interface Item extends Candidate {
  readonly author: Address;
  /** Undefined: a body that is no change. */
  readonly act: Act | undefined;
}

interface Admitted extends SweptPdu {
  readonly id: PduId;
  readonly depth: number;
  readonly change: Change | undefined;
  /** The changes that whoever follows it follows. */
  readonly passed: ChangeSet;
}

const MAIL: Act = { type: 'mail' };

export class ConversationFold {
  readonly #conversation: ConversationId;
  readonly #graph: PduGraph<Item>;
  readonly #admitted: Admitted[] = [];
  readonly #book = new ChangeBook();
  /** By the local number of a change. */
  readonly #places: number[] = [];
  readonly #bodyless = new Set<PduId>();
  readonly #branches = new Map<ChangeSet, Weighed>();
  #weighed: Weighed | undefined;
  #unseen = new Set<number>();
  #state: ConversationState | undefined;
  #order: PduId[] | undefined;

  constructor(conversation: ConversationId) {
    this.#conversation = conversation;
    this.#graph = new PduGraph<Item>({
      depthOf: (place) => (this.#admitted[place] as Admitted).depth,
      admit: (item, parents) => this.#admit(item, parents),
    });
  }

  /** What became of each, after all of them. */
  add(pdus: readonly ConversationPdu[]): readonly Placement[] {
    const early = pdus.map((given) => this.#take(given));
    return early.map((placement, i) => {
      const { id } = (pdus[i] as ConversationPdu).pdu;
      if (placement !== undefined) return placement;
      if (this.#graph.placeOf(id) !== undefined) return 'admitted';
      return this.#graph.isWaiting(id) ? 'waiting' : (this.#graph.refusalOf(id) ?? 'bad_parent');
    });
  }

  get state(): ConversationState {
    this.#state ??= this.#readState(this.#weigh());
    return this.#state;
  }

  /** The admitted PDUs that no admitted one follows: what the next PDU names. */
  get tips(): readonly PduId[] {
    return this.#graph.tips;
  }

  /** What is referenced and lacking, by id. */
  get missing(): readonly PduId[] {
    const missing = this.#graph.missing;
    return this.#bodyless.size === 0 ? missing : [...new Set([...missing, ...this.#bodyless])].sort();
  }

  get waiting(): readonly PduId[] {
    return this.#graph.waiting;
  }

  /** The admitted PDUs by depth and id. */
  get order(): readonly PduId[] {
    this.#order ??= [...this.#admitted].sort(compareChanges).map(({ id }) => id);
    return this.#order;
  }

  get size(): number {
    return this.#graph.size;
  }

  /** No more changes are weighed, so none should be accepted. */
  get isFull(): boolean {
    return this.#book.size >= CHANGES_MAX;
  }

  has(id: PduId): boolean {
    return this.#graph.placeOf(id) !== undefined || this.#graph.isWaiting(id);
  }

  /** Of an admitted one: the next is 1 deeper than the deepest it follows. */
  depthOf(id: PduId): number | undefined {
    const place = this.#graph.placeOf(id);
    return place === undefined ? undefined : this.#at(place).depth;
  }

  isMember(address: Address): boolean {
    const role = this.state.members.get(address)?.role;
    return role === 'owner' || role === 'member' || role === 'reader';
  }

  /** Whether an admitted PDU counts by all that is known. Others do not. */
  counts(id: PduId): boolean {
    const place = this.#graph.placeOf(id);
    if (place === undefined) return false;
    const { change, isMail, author, past } = this.#admitted[place] as Admitted;
    const { counting } = this.#weigh();
    if (change !== undefined) return counting.has(change.index);
    const deed = { author, act: MAIL, past };
    return isMail && !this.#unseen.has(place) && rightTo(deed, groundOf(this.#book, counting, deed)) !== undefined;
  }

  /**
   * Whether its author had a right to this PDU by its ancestors alone: what a home asks before it accepts one, since every
   * home says the same whatever else it knows. `waiting`: not before those it follows are here.
   */
  allows({ pdu, body }: ConversationPdu): 'allowed' | 'refused' | 'no_body' | 'waiting' {
    const item = this.#read({ pdu, body });
    if (typeof item === 'string') return item === 'no_body' ? item : 'refused';
    if (item.act === undefined || (item.prev.length === 0 && !item.founds)) return 'refused';
    const parents = item.prev.map((id) => this.#graph.placeOf(id));
    if (!parents.every((place) => place !== undefined)) return 'waiting';
    if (item.depth !== 1 + parents.reduce((deepest, at) => Math.max(deepest, this.#at(at).depth), 0)) return 'refused';
    if (item.act.type !== 'mail' && this.isFull) return 'refused';
    const past = this.#passedBy(parents);
    const deed = { author: item.author, act: item.act, past };
    const { counting } = this.#weighBranch(past);
    return rightTo(deed, groundOf(this.#book, counting, deed)) === undefined ? 'refused' : 'allowed';
  }

  /** Undefined: the graph knows. */
  #take(given: ConversationPdu): Placement | undefined {
    const { id } = given.pdu;
    if (this.has(id)) return 'duplicate';
    const known = this.#graph.refusalOf(id);
    if (known !== undefined) return known;
    const item = this.#read(given);
    if (item === 'no_body' && this.#bodyless.size >= WAITING_PDUS_MAX) return 'full';
    if (item === 'no_body') this.#bodyless.add(id);
    if (typeof item === 'string') return item;
    this.#bodyless.delete(id);
    return this.#graph.add(item);
  }

  #read({ pdu, body }: ConversationPdu): Item | 'no_body' | 'foreign' {
    if (pdu.conversation !== this.#conversation || pdu.type === 'note') return 'foreign';
    const isChange = pdu.type !== 'mail';
    if (isChange && body === undefined) return 'no_body';
    const founds = pdu.nonce !== undefined && pdu.type === 'mail' && pdu.prev.length === 0;
    const act = founds ? ({ type: 'found', members: [...pdu.recipients] } as const) : readAct(pdu, body);
    return { id: pdu.id, depth: pdu.depth, prev: [...pdu.prev], founds, author: pdu.author, act };
  }

  #admit(item: Item, parents: readonly number[]): void {
    const past = this.#passedBy(parents);
    const place = this.#admitted.length;
    // The graph has made it a tip already: it is the only one when it follows everything.
    const followsAll = this.#graph.coversTips([item.id]);
    const change = this.#changeOf(item, past);
    const isMail = item.act?.type === 'mail';
    const passed = change === undefined ? past : past.with(change.index);
    const { author, depth, id } = item;
    this.#admitted.push({ id, depth, author, parents, past, passed, change, isMail });
    this.#order = undefined;
    if (change !== undefined) this.#takeChange(change, place, followsAll);
    else if (isMail && this.#isUnseen(author, past)) this.#unseen.add(place);
  }

  #changeOf(item: Item, past: ChangeSet): Change | undefined {
    const { author, act } = item;
    if (act === undefined || act.type === 'mail' || !this.#book.isThinkable({ author, act, past })) return undefined;
    const names = act.type === 'found' ? act.members.length : 0;
    if (this.#book.size + names >= CHANGES_MAX) return undefined;
    return { index: this.#book.changes.length, id: item.id, depth: item.depth, author, act, past };
  }

  /** Whoever follows everything takes nothing unseen and loses nothing unseen: it counts if it has the right. */
  #takeChange(change: Change, place: number, followsAll: boolean): void {
    this.#book.add(change);
    this.#places.push(place);
    this.#state = undefined;
    if (!followsAll) this.#weighed = undefined;
    if (this.#weighed === undefined) return;
    const { counting, taking } = this.#weighed;
    const right = rightTo(change, groundOf(this.#book, counting, change));
    if (right === undefined) return;
    counting.add(change.index);
    if (right.takes) taking.add(change);
  }

  /** A mail that is just admitted is followed by nothing. */
  #isUnseen(author: Address, past: ChangeSet): boolean {
    const removals = this.#weighed?.taking.about(author) ?? [];
    return removals.some((change) => endsRight(change, author, MAIL_NEED) && !past.has(change.index));
  }

  #weigh(): Weighed {
    if (this.#weighed === undefined) {
      this.#weighed = weigh(this.#book);
      const placeOf = (change: Change) => this.#places[change.index] as number;
      this.#unseen = findUnseenMail(this.#admitted, this.#weighed.taking, placeOf);
    }
    return this.#weighed;
  }

  #weighBranch(past: ChangeSet): Weighed {
    if (this.#book.changes.every(({ index }) => past.has(index))) return this.#weigh();
    const kept = this.#branches.get(past);
    if (kept !== undefined) return kept;
    const weighed = weigh(this.#book, past);
    this.#branches.set(past, weighed);
    for (const oldest of this.#branches.keys()) {
      if (this.#branches.size <= BRANCHES_KEPT_MAX) break;
      this.#branches.delete(oldest);
    }
    return weighed;
  }

  #passedBy(parents: readonly number[]): ChangeSet {
    const [first, ...others] = parents;
    if (first === undefined) return EMPTY;
    return others.reduce((union, at) => union.union(this.#at(at).passed), this.#at(first).passed);
  }

  #at(place: number): Admitted {
    return this.#admitted[place] as Admitted;
  }

  #readState({ counting }: Weighed): ConversationState {
    const foundings = this.#book.changes.filter(({ act }) => act.type === 'found').sort(compareChanges);
    const members = new Map<Address, Member>();
    for (const address of [...this.#book.people()].sort()) {
      const standing = this.#book.standing(address, counting);
      if (standing !== undefined) members.set(address, { role: standing.role, by: standing.by.id });
    }
    const join = this.#book.setting(counting)?.change.value;
    return {
      founder: foundings[0]?.author,
      founding: foundings[0]?.id,
      members,
      settings: join === undefined ? {} : { join },
    };
  }
}

const EMPTY = new ChangeSet();

function readAct(pdu: ConversationPdu['pdu'], body: Uint8Array | undefined): Act | undefined {
  if (pdu.type === 'mail') return MAIL;
  try {
    return parseChange(pdu, body ?? new Uint8Array());
  } catch (error) {
    // Whoever signed this said nothing: the PDU has its place in the graph, and no effect.
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * One step of node choice in the making: the acts that events lead to. Every act leaves a whole state; what it asks of the
 * world goes into `effects`, in the order the seed's events have.
 */
import {
  type Cause,
  type ChoiceEffect,
  type ChoiceNotice,
  type ChoiceState,
  createRecord,
  type Link,
  type ListedNode,
  type Look,
  type NodeRecord,
  type Pin,
  type Round,
} from './choice-state.ts';
import {
  CONNECT_LIMIT_MS,
  FAILED_REQUESTS_MAX,
  FAST_LOOPS,
  PING_LIMIT_MS,
  PINNED_PING_LIMIT_MS,
  QUICK_RETRY_MS,
  QUICK_TRIES,
  REST_AFTER_CONNECT_MS,
  REST_AFTER_FAILURE_MS,
  SLOW_PING_LIMIT_MS,
} from './limits.ts';
import { startProbe } from './liveness.ts';
import type { Moment } from './moment.ts';
import { type Answer, pick } from './pick.ts';

type Connected = Extract<Link, { at: 'connected' }>;
type Searching = Extract<Link, { at: 'searching' }>;

export class Turn {
  readonly now: Moment;
  readonly effects: ChoiceEffect[] = [];
  state: ChoiceState;

  constructor(state: ChoiceState, now: Moment) {
    this.state = state;
    this.now = now;
  }

  set(change: Partial<ChoiceState>): void {
    this.state = { ...this.state, ...change };
  }

  setLink(link: Link): void {
    this.set({ link });
  }

  setRecord(name: string, change: Partial<NodeRecord>): void {
    const record = this.state.nodes.get(name);
    if (record !== undefined) this.set({ nodes: new Map(this.state.nodes).set(name, { ...record, ...change }) });
  }

  notify(notice: ChoiceNotice): void {
    this.effects.push({ type: 'notify', notice });
  }

  rest(name: string, cause: 'connected' | 'failed'): void {
    const restMs = cause === 'connected' ? REST_AFTER_CONNECT_MS : REST_AFTER_FAILURE_MS;
    this.setRecord(name, { rest: { until: this.now.at + restMs, cause } });
  }

  /** A person's choice: nobody rests any more. */
  clearRests(): void {
    this.set({ nodes: new Map([...this.state.nodes].map(([name, record]) => [name, { ...record, rest: undefined }])) });
  }

  /** A new list: who is on it as before keeps what is known of it. */
  setNodes(nodes: readonly ListedNode[]): void {
    const before = this.state.nodes;
    const kept = (node: ListedNode): NodeRecord => {
      const record = before.get(node.name);
      return record?.url === node.url ? record : createRecord(node);
    };
    this.set({ nodes: new Map(nodes.map((node) => [node.name, kept(node)])) });
  }

  /** A try to get a node. By the loop, those that failed are asked too when nobody else answers. */
  search(byLoop: boolean): void {
    switch (this.#wish()) {
      case 'try':
        this.connectTo((this.state.pin as Pin).node, 'pin');
        break;
      case 'wait':
        this.foundNobody();
        break;
      case 'none':
        this.#searchAmongAll(byLoop);
        break;
    }
  }

  /** The pings of a search have ended. */
  concludeSearch({ round, spare }: Searching): void {
    const { pin } = this.state;
    const found = pick(this.#answersOf(round), this.now.random, round.limitMs);
    if (pin !== undefined && round.answers.has(pin.node)) this.connectTo(pin.node, 'return');
    else if (found !== undefined) this.connectTo(found.node, pin === undefined ? 'loop' : 'borrow');
    // Nobody to borrow from: the wish is tried as it is, since it may only be slow.
    else if (pin !== undefined && this.#isFree(pin.node)) this.connectTo(pin.node, 'pin');
    else if (spare.length === 0 && this.#mayBeSlow(round)) this.#ask(this.#askable(), [], SLOW_PING_LIMIT_MS);
    else this.#ask(spare, []);
  }

  /** A try has ended without a node: say so once, try again soon or with the loop. */
  foundNobody(): void {
    const { absence, quickTries } = this.state;
    if (absence !== undefined && !absence.said) {
      this.set({ absence: { ...absence, said: true } });
      this.notify({ type: 'offline', since: absence.since });
    }
    const retryAt = quickTries > 0 ? this.now.at + QUICK_RETRY_MS : undefined;
    this.set({ quickTries: Math.max(0, quickTries - 1), link: { at: 'disconnected', retryAt } });
  }

  connectTo(node: string, cause: Cause): void {
    const { link } = this.state;
    if (link.at === 'connected' && link.node === node) {
      this.setLink({ ...link, cause });
      this.notify({ type: 'mailserverAvailable', node });
      return;
    }
    if (link.at === 'connecting' && link.node === node) {
      this.setLink({ ...link, cause });
      return;
    }
    this.drop();
    const attempt = this.#nextSerial();
    this.setLink({ at: 'connecting', node, attempt, endsAt: this.now.at + CONNECT_LIMIT_MS, cause });
    this.notify({ type: 'mailserver:changed', node, borrowed: cause === 'borrow' });
    this.notify({ type: 'state', node, state: 'connecting' });
    this.effects.push({ type: 'connect', node, attempt });
  }

  /** Ends the connection or the attempt, whichever there is. */
  drop(): void {
    const { link } = this.state;
    if (link.at === 'connecting' || link.at === 'connected')
      this.effects.push({ type: 'disconnect', node: link.node, attempt: link.attempt });
    this.lost();
  }

  /** The connection or the attempt is no more. */
  lost(): void {
    const { link } = this.state;
    this.setLink({ at: 'disconnected', retryAt: undefined });
    if (link.at === 'connected') this.set({ absence: { since: link.liveness.heardWallMs, said: false } });
    if (link.at === 'connecting' || link.at === 'connected')
      this.notify({ type: 'state', node: link.node, state: 'disconnected' });
  }

  /** After a connection was lost: at once, then some quick tries, then the loop. */
  searchAfterCut(): void {
    this.set({ quickTries: QUICK_TRIES });
    this.search(false);
  }

  /** Another node is looked for while this one is kept, so that a poor node is not left for none. */
  lookForAnother(link: Connected): void {
    const others = [...this.state.nodes.keys()].filter((name) => name !== link.node && this.#isFree(name));
    if (others.length > 0) this.#look(link, others, 'replace', PING_LIMIT_MS);
  }

  lookForPinned(link: Connected): void {
    const { pin } = this.state;
    if (pin !== undefined && this.#isFree(pin.node)) this.#look(link, [pin.node], 'return', PINNED_PING_LIMIT_MS);
  }

  concludeLook(link: Connected, look: Look): void {
    const kept = { ...link, look: undefined };
    this.setLink(kept);
    const { pin } = this.state;
    const fault = this.faultOf(kept);
    const replacing = look.purpose === 'replace';
    if (replacing && fault === undefined) return;
    const served = replacing && fault === 'incomplete' ? (this.state.nodes.get(link.node)?.completeness ?? 0) : -1;
    const better = this.#answersOf(look.round).filter((answer) => answer.completeness > served);
    const wished = better.find((answer) => answer.node === pin?.node);
    const found = wished ?? (replacing ? pick(better, this.now.random) : undefined);
    if (found === undefined) {
      // Nobody is better; the pinned node, if this one stands in for it, is given longer to answer.
      if (replacing && kept.cause === 'borrow') this.lookForPinned(kept);
      return;
    }
    if (fault !== undefined) this.rest(link.node, 'failed');
    if (pin?.node === link.node) this.set({ pin: { ...pin, borrowing: true } });
    this.connectTo(found.node, found === wished ? 'return' : pin === undefined ? 'loop' : 'borrow');
  }

  /** Why the connected node should be left, if it should. One that a person wants may be slow. */
  faultOf(link: Connected): 'requests' | 'suspect' | 'incomplete' | undefined {
    if (link.failedRequests >= FAILED_REQUESTS_MAX) return 'requests';
    const wanted = link.cause === 'pin' || link.cause === 'person';
    if (link.liveness.suspect && !wanted) return 'suspect';
    return (this.state.nodes.get(link.node)?.completeness ?? 1) < 1 ? 'incomplete' : undefined;
  }

  probe(link: Connected, urgent: boolean): void {
    this.setLink({ ...link, liveness: startProbe(link.liveness, this.now, urgent) });
    this.sendProbe(link);
  }

  sendProbe(link: Connected): void {
    this.effects.push({ type: 'probe', node: link.node, attempt: link.attempt });
  }

  /** What the pinned node asks for: to be tried alone, to be waited for while it rests, or nothing (any more). */
  #wish(): 'try' | 'wait' | 'none' {
    const { pin } = this.state;
    if (pin === undefined || pin.borrowing) return 'none';
    if (this.#isFree(pin.node)) return 'try';
    if (this.state.nodes.get(pin.node)?.rest?.cause === 'connected') return 'wait';
    this.set({ pin: { ...pin, borrowing: true } });
    return 'none';
  }

  #searchAmongAll(byLoop: boolean): void {
    const free = this.#askable().filter((name) => this.#isFree(name));
    const failed = byLoop ? this.#askable().filter((name) => !this.#isFree(name)) : [];
    // A node that is gone for good never fails a connect, so it does not rest: it must not stand before one that does.
    if (free.length > 0) this.#ask(free, failed);
    else this.#ask(failed, []);
  }

  #ask(names: readonly string[], spare: readonly string[], limitMs = this.#searchLimitMs()): void {
    if (names.length === 0) this.foundNobody();
    else this.setLink({ at: 'searching', round: this.#startRound(names, limitMs), spare });
  }

  /** Who does not rest, or only since it failed. */
  #askable(): readonly string[] {
    const failed = (name: string): boolean => this.state.nodes.get(name)?.rest?.cause === 'failed';
    return [...this.state.nodes.keys()].filter((name) => this.#isFree(name) || failed(name));
  }

  /** Loops have found nobody, nor has this round: by a line that is slow, everybody is. */
  #mayBeSlow({ limitMs }: Round): boolean {
    return limitMs < SLOW_PING_LIMIT_MS && this.state.awayLoops > FAST_LOOPS;
  }

  /** Where there is nothing to choose, a node that is far away or busy is better than none. */
  #searchLimitMs(): number {
    return this.state.nodes.size === 1 ? SLOW_PING_LIMIT_MS : PING_LIMIT_MS;
  }

  /** Listed and not at rest. */
  #isFree(name: string): boolean {
    const record = this.state.nodes.get(name);
    return record !== undefined && (record.rest === undefined || this.now.at >= record.rest.until);
  }

  #look(link: Connected, names: readonly string[], purpose: Look['purpose'], limitMs: number): void {
    this.setLink({ ...link, look: { round: this.#startRound(names, limitMs), purpose } });
  }

  #startRound(names: readonly string[], limitMs: number): Round {
    const id = this.#nextSerial();
    this.effects.push({ type: 'ping', round: id, nodes: names, limitMs });
    return { id, limitMs, endsAt: this.now.at + limitMs, open: new Set(names), answers: new Map() };
  }

  #answersOf(round: Round): readonly Answer[] {
    const answers: Answer[] = [];
    for (const [node, rttMs] of round.answers) {
      const record = this.state.nodes.get(node);
      if (record !== undefined) answers.push({ node, rttMs, completeness: record.completeness });
    }
    return answers;
  }

  #nextSerial(): number {
    const serial = this.state.serial + 1;
    this.set({ serial });
    return serial;
  }
}

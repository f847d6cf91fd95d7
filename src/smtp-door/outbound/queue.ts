/**
 * Sends the letters that wait, and says what became of them. What to do when is `step`'s, what it means `judge`'s; here it is
 * done: one task for each attempt, one timer for all. What an attempt brought is on disk before it is told or anything else is
 * done with the letter; an end before that is an attempt that was not made, and is made again.
 */
import { Emitter, isAbort, type Log, type Prng, Scope, unreachable } from '../../base/index.ts';
import type { LetterDestination, ReportEvents } from '../../node/index.ts';
import type { Address } from '../../protocol/index.ts';
import { type Courier, senderOf } from './courier.ts';
import type { OutgoingText } from './dkim.ts';
import { type Attempt, type Judged, judge } from './judging.ts';
import { isPartyOver, type Letter, type Reply } from './letter.ts';
import { LetterError, type LetterStore } from './letter-store.ts';
import {
  ATTEMPTS_MAX,
  DESTINATIONS_SHOWN_MAX,
  KEEP_RETRY_MS,
  PROBES_MAX,
  RETRY_MAX_MS,
  SLEEP_MAX_MS,
} from './limits.ts';
import type { MailClock } from './mail-clock.ts';
import { type DestinationQueue, type Effect, EMPTY_QUEUE, type QueueEvent, step, type Waiting } from './queue-step.ts';
import { Slots } from './slots.ts';

export interface QueueDeps {
  readonly clock: MailClock;
  readonly prng: Prng;
  readonly log: Log;
  readonly letters: LetterStore;
  readonly courier: Pick<Courier, 'carry'>;
  /** As it leaves: signed. Throws what reading it throws. */
  readonly sign: (open: () => AsyncIterable<Uint8Array>) => Promise<OutgoingText>;
  /** Once for each recipient of which something is final. */
  readonly onFinal: (outcome: 'delivered' | 'refused') => void;
  /** An attempt left somebody waiting. */
  readonly onDeferred: () => void;
}

const RESTORED: Reply = {
  code: 550,
  text: '5.3.0 The home was restored from a backup, without the text: it may have been sent before',
};

export class Queue implements AsyncDisposable {
  readonly reports: Emitter<ReportEvents>;
  readonly #deps: QueueDeps;
  readonly #scope: Scope;
  readonly #destinations = new Map<string, DestinationQueue>();
  /** By letter and domain, by this clock; on disk with what the next attempt brings. */
  readonly #acceptedAt = new Map<string, number>();
  readonly #wakes = new Map<string, number>();
  readonly #attempts = new Slots(ATTEMPTS_MAX);
  readonly #probes = new Slots(PROBES_MAX);
  #wake: () => void = () => undefined;

  constructor(deps: QueueDeps) {
    this.#deps = deps;
    this.reports = new Emitter((error) => deps.log.error({ error }, 'a listener of the queue of letters failed'));
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the queue of letters failed'));
  }

  /** Takes up what an earlier process left. */
  async start(): Promise<void> {
    const byDomain = new Map<string, Waiting[]>();
    const now = this.#deps.clock.now();
    for await (const letter of this.#deps.letters.waiting())
      for (const { domain } of letter.parties) {
        const left = waitingOf(letter, domain);
        if (left === undefined) continue;
        const waiting = notAhead(left, now);
        const there = byDomain.get(domain);
        if (there === undefined) byDomain.set(domain, [waiting]);
        else there.push(waiting);
      }
    for (const [domain, letters] of byDomain) this.#happen(domain, { kind: 'added', letters });
    this.#scope.spawn('timer', (signal) => this.#keepTime(signal));
  }

  /** It is on disk. */
  add(letter: Letter): void {
    for (const { domain } of letter.parties) {
      const waiting = waitingOf(letter, domain);
      if (waiting !== undefined) this.#happen(domain, { kind: 'added', letters: [waiting] });
    }
  }

  /** Tries a destination, or all, now. */
  retry(domain: string | undefined): void {
    for (const name of domain === undefined ? [...this.#destinations.keys()] : [domain])
      this.#happen(name, { kind: 'retry' });
  }

  get size(): number {
    return this.#acceptedAt.size;
  }

  /** When the oldest letter that waits was accepted, milliseconds since 1970. */
  get oldestAt(): number | undefined {
    return this.#acceptedAt.size === 0 ? undefined : [...this.#acceptedAt.values()].reduce((a, b) => Math.min(a, b));
  }

  /** Those with the most letters. */
  get view(): readonly LetterDestination[] {
    const views = [...this.#destinations].map(([domain, { failures, underWay, waiting }]) => {
      const numbers = [...underWay, ...waiting.map(({ number }) => number)];
      const accepted = numbers.map(
        (number) => this.#acceptedAt.get(nameOf(number, domain)) ?? Number.POSITIVE_INFINITY,
      );
      const oldestAt = accepted.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
      const nextAt = this.#wakes.get(domain);
      return { domain, letters: numbers.length, oldestAt, failures, ...(nextAt === undefined ? {} : { nextAt }) };
    });
    return views.sort((a, b) => b.letters - a.letters).slice(0, DESTINATIONS_SHOWN_MAX);
  }

  /** What is under way is given up: a server that has all of a letter and has not answered may get it again. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #happen(domain: string, event: QueueEvent): void {
    if (event.kind === 'added')
      for (const { acceptedAt, number } of event.letters) this.#acceptedAt.set(nameOf(number, domain), acceptedAt);
    const { effects, queue } = step(this.#destinations.get(domain) ?? EMPTY_QUEUE, event, this.#deps.clock.now());
    if (queue.waiting.length + queue.underWay.length === 0) this.#destinations.delete(domain);
    else this.#destinations.set(domain, queue);
    this.#wakes.delete(domain);
    for (const effect of effects) this.#perform(domain, effect);
    this.#wake();
  }

  #perform(domain: string, effect: Effect): void {
    switch (effect.kind) {
      case 'wake':
        this.#wakes.set(domain, effect.at);
        return;
      case 'attempt':
        this.#scope.spawn('attempt', (signal) => this.#attempt(domain, effect.number, effect.isProbe, signal));
        return;
      case 'tell':
        this.#scope.spawn('tell', (signal) => this.#end(domain, effect.number, UNTRIED, 'untried', signal));
        return;
      default:
        unreachable(effect);
    }
  }

  async #attempt(domain: string, number: number, isProbe: boolean, signal: AbortSignal): Promise<void> {
    using _ = await (isProbe ? this.#probes : this.#attempts).enter(signal);
    const attempt = await this.#try(domain, number, signal);
    await this.#end(domain, number, attempt, attempt.kind === 'failed' ? 'no' : 'yes', signal);
  }

  /** Whatever goes wrong on this side is no fault of the destination: the letter waits as for one that is away. */
  async #try(domain: string, number: number, signal: AbortSignal): Promise<Attempt> {
    const { courier, letters, log, sign } = this.#deps;
    let to: readonly Address[] = [];
    try {
      const letter = await letters.find(number);
      if (letter === undefined) return UNTRIED;
      const people = letter.parties.find((party) => party.domain === domain)?.people ?? [];
      to = people.filter(({ state }) => state === 'waiting').map(({ address }) => address);
      const from = letter.returnsNothing ? '' : senderOf(letter.author);
      return await courier.carry(domain, { from, to, text: await sign(() => letters.text(letter)) }, signal);
    } catch (error) {
      if (error instanceof LetterError) return lost(to);
      if (isAbort(error, signal)) throw error;
      log.error({ error, number, domain }, 'a letter could not be tried');
      return { kind: 'failed', reply: { code: 451, text: '4.3.0 This home could not send it now' } };
    }
  }

  async #end(
    domain: string,
    number: number,
    attempt: Attempt,
    reached: 'yes' | 'no' | 'untried',
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, log, prng } = this.#deps;
    const judged = await this.#settle(domain, number, attempt, signal);
    const left = judged === undefined ? undefined : waitingOf(judged.letter, domain);
    if (left === undefined) this.#acceptedAt.delete(nameOf(number, domain));
    if (judged !== undefined) this.#tell(judged, left !== undefined && reached !== 'untried');
    if (attempt.kind === 'failed' && reached === 'no')
      log.info({ domain, reply: attempt.reply.text, at: clock.now() }, 'mail servers of a domain were not reached');
    this.#happen(domain, { kind: 'ended', number, left, reached, jitter: prng.next() });
  }

  /** On disk when it resolves; until it can be, nothing else is done with the letter, so that nobody gets it twice. */
  async #settle(domain: string, number: number, attempt: Attempt, signal: AbortSignal): Promise<Judged | undefined> {
    const { clock, letters, log, prng } = this.#deps;
    const jitter = prng.next();
    const judgeNow = (letter: Letter): Judged => {
      const acceptedAt = this.#acceptedAt.get(nameOf(number, domain)) ?? letter.acceptedAt;
      return judge({ ...letter, acceptedAt }, domain, attempt, clock.now(), jitter);
    };
    for (;;) {
      try {
        return await letters.settle(number, judgeNow);
      } catch (error) {
        signal.throwIfAborted();
        log.error({ error, number, domain }, 'what became of a letter cannot be kept now; trying again');
        await clock.sleep(KEEP_RETRY_MS, signal);
      }
    }
  }

  #tell({ finals, letter: { author }, reports }: Judged, isDeferred: boolean): void {
    for (const report of reports) this.reports.emit('report', { author, report });
    for (const { status } of finals) this.#deps.onFinal(status);
    if (isDeferred) this.#deps.onDeferred();
  }

  /** Wakes destinations when they asked to be. */
  async #keepTime(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    while (!signal.aborted) {
      const timer = new AbortController();
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const now = clock.now();
      const due = [...this.#wakes].filter(([, at]) => at <= now).map(([domain]) => domain);
      for (const domain of due) this.#happen(domain, { kind: 'time' });
      if (due.length > 0) continue;
      const at = [...this.#wakes.values()].reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
      const either = AbortSignal.any([signal, timer.signal]);
      const slept = clock.sleep(Math.min(at - now, SLEEP_MAX_MS), either).catch((error: unknown) => {
        if (!isAbort(error, either)) throw error;
      });
      await Promise.race([woken, slept]);
      timer.abort();
    }
  }
}

/** It says nothing new, so that what was said before stays. */
const UNTRIED: Attempt = { kind: 'answered', replies: new Map() };

function nameOf(number: number, domain: string): string {
  return `${number} ${domain}`;
}

function waitingOf(letter: Letter, domain: string): Waiting | undefined {
  const party = letter.parties.find((one) => one.domain === domain);
  if (party === undefined || isPartyOver(party)) return undefined;
  const isDelayTold = party.people.every(({ isDelayTold: isTold, state }) => state !== 'waiting' || isTold);
  return { number: letter.number, nextAt: party.nextAt, acceptedAt: letter.acceptedAt, isDelayTold };
}

/** What an earlier process wrote by a clock that was ahead is taken as of now: it would wait until that time, and never expire. */
function notAhead(waiting: Waiting, now: number): Waiting {
  const { acceptedAt, nextAt } = waiting;
  const isAhead = acceptedAt > now || nextAt > now + RETRY_MAX_MS;
  return isAhead ? { ...waiting, acceptedAt: Math.min(acceptedAt, now), nextAt: now } : waiting;
}

/** The text cannot be opened: this home was restored from a backup, which has the envelope and not the key. */
function lost(to: readonly Address[]): Attempt {
  return { kind: 'answered', replies: new Map(to.map((address) => [address, RESTORED])) };
}

/** Steady mail: people write to each other, answer, attach, and come into conversations and leave them. */
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { CodedError, isAbort, type Prng } from '../../src/base/index.ts';
import type { Draft } from '../../src/client/index.ts';
import type { Address, ConversationId } from '../../src/protocol/index.ts';
import type { Breaches } from './breaches.ts';
import type { Canary } from './canary.ts';
import type { Device } from './device.ts';
import {
  CONVERSATIONS_KEPT,
  LARGE_ATTACHMENT_BYTES,
  LARGE_EVERY,
  MARK_EVERY_MS,
  MARKED_AMONG,
  SENDS_AT_ONCE,
  SMALL_ATTACHMENT_BYTES,
} from './limits.ts';
import type { Letter, MailBook } from './mail-book.ts';

const WORDS_MAX = 300;
const PEOPLE_MAX = 3;
/** In a hundred acts. */
const SHARES = Object.freeze({ answer: 40, attach: 6, members: 4 });

export interface TrafficDeps {
  readonly prng: Prng;
  readonly devices: readonly Device[];
  readonly book: MailBook;
  readonly canary: Canary;
  readonly breaches: Breaches;
}

export class Traffic {
  readonly #deps: TrafficDeps;
  readonly #busy = new Map<Device, number>();
  readonly #underWay = new Set<Promise<void>>();
  /** Of comings and goings, by what became of them. */
  readonly changes = new Map<string, number>();

  constructor(deps: TrafficDeps) {
    this.#deps = deps;
  }

  /** Until the signal; resolves when everything that was begun has ended. */
  async run(mailsPerSecond: number, signal: AbortSignal): Promise<void> {
    const { devices, prng } = this.#deps;
    await Promise.all([
      everySoOften(1_000 / mailsPerSecond, signal, () => {
        const device = pick(prng, devices);
        if (device !== undefined && (this.#busy.get(device) ?? 0) < SENDS_AT_ONCE)
          this.#spawn(device, () => this.#act(device));
      }),
      everySoOften(MARK_EVERY_MS, signal, () => {
        const device = pick(prng, devices);
        if (device !== undefined) this.#spawn(device, () => this.#mark(device));
      }),
    ]);
    await Promise.all(this.#underWay);
  }

  #spawn(device: Device, work: () => Promise<void>): void {
    this.#busy.set(device, (this.#busy.get(device) ?? 0) + 1);
    const task: Promise<void> = work()
      .catch((error: unknown) => this.#deps.breaches.add(`${device.name}: ${String((error as Error).stack)}`))
      .finally(() => {
        this.#busy.set(device, (this.#busy.get(device) ?? 1) - 1);
        this.#underWay.delete(task);
      });
    this.#underWay.add(task);
  }

  async #act(device: Device): Promise<void> {
    const { prng } = this.#deps;
    const what = prng.below(100);
    const conversation = pick(prng, device.arrivals.slice(-CONVERSATIONS_KEPT))?.conversation;
    if (conversation !== undefined && what < SHARES.members) return this.#comeOrGo(device, conversation);
    const answers = conversation !== undefined && what < SHARES.members + SHARES.answer;
    await this.#send(device, answers ? { to: [], conversation } : { to: this.#people(device.address) });
  }

  #people(author: Address): Address[] {
    const { devices, prng } = this.#deps;
    const all = [...new Set(devices.map(({ address }) => address))].filter((address) => address !== author);
    const chosen = Array.from({ length: 1 + prng.below(PEOPLE_MAX) }, () => pick(prng, all) ?? []);
    return [...new Set(chosen.flat())];
  }

  async #send(device: Device, to: Pick<Draft, 'to' | 'conversation'>): Promise<void> {
    const { book, canary, prng } = this.#deps;
    const letter = book.begin(device.address);
    const text = canary.text(letter.number, 1 + prng.below(WORDS_MAX));
    try {
      const draft = { ...to, subject: canary.subject(letter.number), text, attachments: this.#attachments(letter) };
      const { id } = await device.client.send(draft);
      book.queued(letter, id);
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      book.failed(letter, error.code, error.message);
    }
  }

  #attachments(letter: Letter): NonNullable<Draft['attachments']> {
    const { canary, prng } = this.#deps;
    if (letter.number % LARGE_EVERY === 0) {
      const content = canary.attachment(letter.number, LARGE_ATTACHMENT_BYTES);
      letter.large = createHash('sha256').update(content).digest('hex');
      const open = async function* (): AsyncGenerator<Uint8Array> {
        yield content;
      };
      return [{ name: 'large', size: content.length, open }];
    }
    const isSmall = prng.below(100) < SHARES.attach;
    return isSmall ? [{ name: 'small', content: canary.attachment(letter.number, SMALL_ATTACHMENT_BYTES) }] : [];
  }

  /** Who owns a conversation takes somebody in or out; others may leave. */
  async #comeOrGo(device: Device, conversation: ConversationId): Promise<void> {
    const { prng } = this.#deps;
    const { conversations } = device.client;
    try {
      const { members, ownRole } = await conversations.show(conversation);
      const others = members.map(({ address }) => address).filter((address) => address !== device.address);
      const out = pick(prng, others);
      const newcomer = this.#people(device.address).find((address) => !others.includes(address));
      if (ownRole !== 'owner') await conversations.leave(conversation);
      else if (newcomer !== undefined) await conversations.add(conversation, [newcomer], 'member');
      else if (out !== undefined) await conversations.remove(conversation, [out]);
      this.#count('done');
    } catch (error) {
      if (!(error instanceof CodedError)) throw error;
      this.#count(error.code);
    }
  }

  async #mark(device: Device): Promise<void> {
    const { prng } = this.#deps;
    const id = pick(prng, device.arrivals.slice(-MARKED_AMONG))?.id;
    const keyword = pick(prng, ['read', 'flagged', 'label:work']) ?? 'read';
    if (id !== undefined) await device.client.mail.mark([id], { [keyword]: prng.below(4) > 0 });
  }

  #count(what: string): void {
    this.changes.set(what, (this.changes.get(what) ?? 0) + 1);
  }
}

/** Until the signal. */
export async function everySoOften(ms: number, signal: AbortSignal, act: () => void | Promise<void>): Promise<void> {
  while (!signal.aborted) {
    await act();
    await pause(ms, undefined, { signal }).catch((error: unknown) => {
      if (!isAbort(error, signal) && (error as Error).name !== 'AbortError') throw error;
    });
  }
}

/** Undefined where there is none. */
export function pick<Thing>(prng: Prng, things: readonly Thing[]): Thing | undefined {
  return things[prng.below(things.length)];
}

/**
 * Letters that are to be sent and that the hub has not taken: on this device's disk before anything else is done, then sent as
 * soon as there is a line, from whichever window of the person is open. What waits can be written on or discarded; what is
 * going may be there already, and cannot.
 */
import { isPassing, Refusal } from '../jmap/refusal.ts';
import type { KeptLetters } from './kept-letters.ts';
import type { LetterContent } from './letter.svelte.ts';
import type { Line } from './line.svelte.ts';
import type { Sent, Submissions } from './submissions.ts';

export interface Waiting {
  readonly content: LetterContent;
  /** The hub may have it. */
  readonly isGoing: boolean;
}

export interface OutboxDeps {
  readonly line: Line;
  readonly kept: KeptLetters;
  readonly submissions: Submissions;
  /** With all its files at the hub. */
  readonly whole: (content: LetterContent) => Promise<LetterContent>;
  readonly onSent: (content: LetterContent, sent: Sent) => void;
  /** The hub does not want it as it is: it is a draft again. */
  readonly onRefused: (content: LetterContent, why: unknown) => void;
}

/** Asks the browser to wake the page's service worker when there is a network (Background Sync, where there is one). */
const SYNC_TAG = 'restante-outbox';

export class Outbox {
  /** The oldest first. */
  waiting = $state.raw<readonly Waiting[]>([]);
  readonly #deps: OutboxDeps;
  readonly #going = new Set<string>();
  /** Other windows of the person show the same. */
  readonly #windows: BroadcastChannel;

  constructor(deps: OutboxDeps, own: string) {
    this.#deps = deps;
    this.#windows = new BroadcastChannel(`restante-outbox ${own}`);
    this.#windows.onmessage = () => void this.flush();
  }

  /** Resolves when it is on the disk. */
  async take(content: LetterContent): Promise<void> {
    const queued = { ...content, isQueued: true };
    await this.#deps.kept.keep(queued);
    this.#deps.kept.release(content.key);
    this.#show(queued);
    this.#windows.postMessage('changed');
    if (this.#deps.line.state !== 'live') await askForSync().catch((error: unknown) => console.warn(error));
    void this.flush();
  }

  /** Sends what waits, also what another window has left. */
  async flush(): Promise<void> {
    const shown = this.waiting;
    const letters = (await this.#deps.kept.all()).filter(({ isQueued }) => isQueued);
    const keys = new Set(letters.map(({ key }) => key));
    for (const { content } of shown) if (!keys.has(content.key)) this.#hide(content.key);
    for (const content of letters) this.#show(content);
    if (this.#deps.line.state !== 'live') return;
    await Promise.all(letters.map(({ key }) => this.#deliver(key)));
  }

  /** Undefined when it is going. What is taken is nobody's but the caller's. */
  async takeOut(key: string): Promise<LetterContent | undefined> {
    const { kept } = this.#deps;
    if (this.#going.has(key) || !(await kept.claim(key))) return undefined;
    const content = await kept.get(key);
    if (content?.isQueued !== true || content.isTried) {
      kept.release(key);
      return undefined;
    }
    this.#hide(key);
    const draft = { ...content, isQueued: false };
    await kept.keep(draft);
    this.#windows.postMessage('changed');
    return draft;
  }

  close(): void {
    this.#windows.close();
  }

  async #deliver(key: string): Promise<void> {
    const { kept } = this.#deps;
    if (this.#going.has(key)) return;
    this.#going.add(key);
    try {
      // Another window may be sending it, or may have sent it.
      if (!(await kept.claim(key))) return;
      const content = await kept.get(key);
      if (content?.isQueued === true) await this.#send(content);
      else this.#hide(key);
    } finally {
      kept.release(key);
      this.#going.delete(key);
    }
  }

  async #send(content: LetterContent): Promise<void> {
    const { kept, onRefused, onSent, submissions, whole } = this.#deps;
    this.#show(content);
    try {
      const letter = content.isTried ? content : await whole(content);
      await kept.keep({ ...letter, isTried: true });
      const sent = await submissions.send(letter);
      await kept.drop(content.key);
      this.#hide(content.key);
      this.#windows.postMessage('changed');
      onSent(letter, sent);
    } catch (error) {
      if (isForLater(error)) return;
      // What was tried under this name is not tried again: it will be another letter.
      const draft = { ...content, key: crypto.randomUUID(), isQueued: false, isTried: false };
      await kept.keep(draft);
      await kept.drop(content.key);
      this.#hide(content.key);
      onRefused(draft, error);
    }
  }

  #show(content: LetterContent): void {
    const shown: Waiting = { content, isGoing: content.isTried || this.#going.has(content.key) };
    const others = this.waiting.filter((one) => one.content.key !== content.key);
    this.waiting = [...others, shown];
  }

  #hide(key: string): void {
    this.waiting = this.waiting.filter(({ content }) => content.key !== key);
  }
}

/** The window is signed out, or closes: the next one goes on. */
function isForLater(error: unknown): boolean {
  return isPassing(error) || (error instanceof Refusal && error.status === 401);
}

async function askForSync(): Promise<void> {
  const registration = await navigator.serviceWorker?.getRegistration();
  // Not in the types, and not in every browser: without it the page itself notices the network.
  const { sync } = (registration ?? {}) as { readonly sync?: { register(tag: string): Promise<void> } };
  await sync?.register(SYNC_TAG);
}

/** A bus within one process: the names, topics and who is here. The IPC server extends it to the processes of a host. */
import { HubError } from '../hub-error.ts';
import type { Bus, Place } from './bus.ts';

type Receive = (message: Uint8Array) => void;

export class LocalBus implements Bus {
  readonly #places = new Map<string, LocalPlace>();
  readonly #topics = new Map<string, Set<Registration>>();
  readonly #onReceiverError: (error: unknown) => void;
  #isClosed = false;

  constructor(onReceiverError: (error: unknown) => void) {
    this.#onReceiverError = onReceiverError;
  }

  async join(name: string, receive: Receive): Promise<Place> {
    this.#checkOpen();
    if (this.#places.has(name)) throw new HubError('busy', 'the name is taken', { details: { name } });
    const place = new LocalPlace(name, receive, () => this.#places.delete(name));
    this.#places.set(name, place);
    return place;
  }

  async send(to: string, message: Uint8Array): Promise<void> {
    this.#checkOpen();
    const place = this.#places.get(to);
    if (place === undefined) throw new HubError('absent', 'nobody on the bus has that name', { details: { to } });
    this.#deliver(place.receive, message);
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    this.#checkOpen();
    for (const { receive } of [...(this.#topics.get(topic) ?? [])]) this.#deliver(receive, message);
  }

  async listen(topic: string, receive: Receive): Promise<AsyncDisposable> {
    this.#checkOpen();
    const registration: Registration = { receive };
    const listeners = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, listeners.add(registration));
    return {
      [Symbol.asyncDispose]: async () => {
        listeners.delete(registration);
        if (listeners.size === 0 && this.#topics.get(topic) === listeners) this.#topics.delete(topic);
      },
    };
  }

  async isPresent(name: string): Promise<boolean> {
    this.#checkOpen();
    return this.#places.has(name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    for (const place of [...this.#places.values()]) await place[Symbol.asyncDispose]();
    this.#topics.clear();
  }

  // Later, like every other bus: a receiver that sends in answer does not run inside its sender.
  #deliver(receive: Receive, message: Uint8Array): void {
    queueMicrotask(() => {
      try {
        receive(message);
      } catch (error) {
        this.#onReceiverError(error);
      }
    });
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new HubError('closed', 'the bus is closed');
  }
}

/** One call of `listen`: the same function may listen twice. */
interface Registration {
  readonly receive: Receive;
}

class LocalPlace implements Place {
  readonly name: string;
  readonly receive: Receive;
  readonly #leave: () => void;
  readonly #lost = new AbortController();

  constructor(name: string, receive: Receive, leave: () => void) {
    this.name = name;
    this.receive = receive;
    this.#leave = leave;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.lost.aborted) return;
    this.#leave();
    this.#lost.abort();
  }
}

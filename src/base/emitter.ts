/**
 * Typed events. A listener that throws harms nobody: its error goes to `onListenerError` and the others still hear.
 * An event is only a hint that something changed; whoever must not miss anything reads the log it points into.
 */
export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Registration>>();
  readonly #onListenerError: (error: unknown) => void;

  constructor(onListenerError: (error: unknown) => void) {
    this.#onListenerError = onListenerError;
  }

  on<Name extends keyof Events>(name: Name, listener: (payload: Events[Name]) => void): Disposable {
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      listeners = new Set();
      this.#listeners.set(name, listeners);
    }
    const registration: Registration = { hear: listener };
    listeners.add(registration);
    return { [Symbol.dispose]: () => void listeners.delete(registration) };
  }

  emit<Name extends keyof Events>(name: Name, payload: Events[Name]): void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) return;
    for (const registration of [...listeners]) {
      if (!listeners.has(registration)) continue; // an earlier listener of this event has disposed of it
      try {
        (registration.hear as (payload: Events[Name]) => void)(payload);
      } catch (error) {
        this.#onListenerError(error);
      }
    }
  }
}

/** One call of `on`: the same function may listen twice, and each is disposed of by itself. */
interface Registration {
  readonly hear: (payload: never) => void;
}

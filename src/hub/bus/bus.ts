/**
 * How components reach each other: opaque messages between named places, events by topic, and who is here. The bus is not
 * trusted: it may lose, repeat, reorder and invent messages; `Component` above it signs, numbers and waits for answers.
 * Adapters: `ipc/` within one host, `amqp/` across hosts; both pass `bus.contract.ts`.
 */
export interface Bus extends AsyncDisposable {
  /** Takes a name; what is sent to it arrives at `receive`, one after another. Throws HubError `busy` while it is taken. */
  join(name: string, receive: (message: Uint8Array) => void): Promise<Place>;
  /** Resolves when the bus has taken it. Throws HubError `absent` when nobody has the name, `closed`. */
  send(to: string, message: Uint8Array): Promise<void>;
  /** To everybody who listens to the topic at that moment, this bus included; nobody is a fine number. */
  publish(topic: string, message: Uint8Array): Promise<void>;
  listen(topic: string, receive: (message: Uint8Array) => void): Promise<AsyncDisposable>;
  /** Whether somebody has the name now. */
  isPresent(name: string): Promise<boolean>;
}

/** A name that is held; disposing gives it back. It is lost with the connection that took it. */
export interface Place extends AsyncDisposable {
  readonly name: string;
  /** Aborted when the name is no longer held, whoever's doing it was. */
  readonly lost: AbortSignal;
}

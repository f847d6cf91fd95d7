/**
 * All client connections of a node: who follows which account, the sweep under the push, heartbeats, and the cutting of
 * silent and slow ones. Heartbeats are spread over their interval, so ten thousand idle clients are a trickle.
 */
import type { Clock } from '../base/index.ts';
import type { AccountDocument, Address, DeviceId } from '../protocol/index.ts';
import type { Journal } from './journal.ts';
import { SWEEP_INTERVAL_MS } from './limits.ts';
import type { Session } from './session.ts';

/** Slices of a heartbeat interval. */
const HEARTBEAT_SLICES = 30;

export class Sessions {
  readonly #all = new Set<Session>();
  readonly #followers = new Map<Address, Set<Session>>();
  readonly #clock: Clock;
  readonly #heartbeatMs: number;

  constructor(clock: Clock, heartbeatMs: number) {
    this.#clock = clock;
    this.#heartbeatMs = heartbeatMs;
  }

  get count(): number {
    return this.#all.size;
  }

  add(session: Session): void {
    this.#all.add(session);
  }

  remove(session: Session): void {
    this.#all.delete(session);
    const { address } = session;
    if (address === undefined) return;
    const following = this.#followers.get(address);
    following?.delete(session);
    if (following?.size === 0) this.#followers.delete(address);
  }

  /** From now on the session is woken when something comes for its address. */
  follow(session: Session, address: Address): void {
    let following = this.#followers.get(address);
    if (following === undefined) {
      following = new Set();
      this.#followers.set(address, following);
    }
    following.add(session);
  }

  /** Wakes who follows what became durable. */
  attach(journal: Journal): Disposable {
    return journal.events.on('committed', ({ addresses }) => {
      for (const address of addresses) for (const session of this.#followers.get(address) ?? []) session.wake();
    });
  }

  /** Cuts the sessions of an address, or of one of its devices. */
  cut(address: Address, keep: (device: DeviceId | undefined) => boolean, code: string, message: string): void {
    for (const session of [...this.#all])
      if (session.address === address && !keep(session.device)) session.refuseAndClose(code, message);
  }

  /** Cuts the sessions that an account, as it is now, does not let in any more. */
  keepOnly({ address, closed, devices }: AccountDocument): void {
    const stays = new Set(devices.map((device) => device.id));
    this.cut(
      address,
      (device) => !closed && (device === undefined || stays.has(device)),
      closed ? 'account_closed' : 'device_revoked',
      closed ? 'the account is closed' : 'this device was revoked',
    );
  }

  async sweep(signal: AbortSignal): Promise<void> {
    for (;;) {
      await this.#clock.sleep(SWEEP_INTERVAL_MS, signal);
      const now = this.#clock.monotonic();
      for (const session of [...this.#all]) session.sweep(now);
    }
  }

  async heartbeat(signal: AbortSignal): Promise<void> {
    for (let slice = 0; ; slice = (slice + 1) % HEARTBEAT_SLICES) {
      await this.#clock.sleep(this.#heartbeatMs / HEARTBEAT_SLICES, signal);
      for (const session of this.#all) if (session.id % HEARTBEAT_SLICES === slice) session.heartbeat();
    }
  }

  /** Tells everybody that the node stops, and closes. */
  closeAll(code: string, message: string): void {
    for (const session of [...this.#all]) session.refuseAndClose(code, message);
  }
}

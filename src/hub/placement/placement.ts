/**
 * Which host has a user. A claim is a name on the bus, which one host at a time can hold; with it comes the next fence
 * number of the user's folder, so that a host that was paused past its claim writes nothing more. Nothing is stored
 * elsewhere: who holds the name has the user.
 *
 * When the bus is away, claims are kept, for nobody else can place users then either, and asked for again when it is back;
 * a claim that another host has got meanwhile is lost, and its user server is ended at once.
 */
import { abortable, type Clock, isAbort, type Log, Scope, untilAborted, withDeadline } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Bus, Place } from '../bus/bus.ts';
import { checkFence, raiseFence } from '../component/fence.ts';
import type { InstanceId } from '../component/ids.ts';
import { HubError } from '../hub-error.ts';
import {
  ASK_TIMEOUT_MS,
  BROKER_RETRY_FIRST_MS,
  BROKER_RETRY_MAX_MS,
  RECLAIM_GRACE_MS,
  RECLAIM_INTERVAL_MS,
  RECLAIM_TIMEOUT_MS,
} from './limits.ts';
import { decodeMail, decodePlacement, encodeMail, encodePlacement, type Location, MAIL_TOPIC } from './messages.ts';

export interface PlacementDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** A new connection to the bus; `lost` is aborted when it ends. */
  readonly connect: () => Promise<Bus & { readonly lost: AbortSignal }>;
  readonly folders: { of(user: Address): string; nameOf(user: Address): string };
  readonly onMail: (user: string) => void;
}

export interface PlacementOptions {
  readonly instance: InstanceId;
  /** Where programs and other hosts reach this one. */
  readonly location: Location;
  readonly usersMax: number;
}

export interface Claim extends AsyncDisposable {
  readonly fence: number;
  /** Aborted when the right is lost: the process must end at once. */
  readonly lost: AbortSignal;
}

interface Held {
  readonly user: Address;
  readonly fence: number;
  readonly lost: AbortController;
  place: Place | undefined;
}

const ROOM_TOPIC = 'room';

export class Placement implements AsyncDisposable {
  readonly #deps: PlacementDeps;
  readonly #options: PlacementOptions;
  readonly #scope: Scope;
  readonly #claims = new Map<Address, Held>();
  readonly #asking = new Map<number, (location: Location) => void>();
  readonly #tried: Promise<void>;
  #bus: Bus | undefined;
  /** Resolves when users may be taken whose name nobody has. */
  #othersAreBack = Promise.resolve();
  #wasConnected = false;
  #askCount = 0;
  #isDraining = false;

  constructor(deps: PlacementDeps, options: PlacementOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of placement failed'));
    this.#tried = new Promise((resolve) => {
      this.#scope.spawn('broker', (signal) => this.#keepConnected(resolve, signal));
    });
  }

  /** Resolves when the bus has answered for the first time, or has not. */
  tried(): Promise<void> {
    return this.#tried;
  }

  get isConnected(): boolean {
    return this.#bus !== undefined;
  }

  get hasRoom(): boolean {
    return !this.#isDraining && this.#claims.size < this.#options.usersMax;
  }

  get location(): Location {
    return this.#options.location;
  }

  /** Takes nobody more; who is here stays until the claim is given back. */
  drain(): void {
    this.#isDraining = true;
  }

  /** Undefined: here. Throws HubError `unavailable` while that cannot be known, or nobody has room. */
  async locate(user: Address, signal: AbortSignal): Promise<Location | undefined> {
    if (this.#claims.has(user)) return undefined;
    const bus = this.#connected();
    const name = this.#nameOf(user);
    try {
      return await this.#ask((message) => bus.send(name, message), signal);
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'absent') throw error;
    }
    if (this.hasRoom) return undefined;
    return this.#ask((message) => bus.publish(ROOM_TOPIC, message), signal);
  }

  /** Tells all hosts, this one too, that mail has come for somebody; this one alone when the bus is away. */
  async announceMail(user: Address): Promise<void> {
    try {
      await this.#connected().publish(MAIL_TOPIC, encodeMail(user));
    } catch (error) {
      this.#deps.log.debug({ error }, 'the other hosts do not hear of mail');
      this.#deps.onMail(user);
    }
  }

  /** Throws HubError `moved` when another host has the user, `unavailable` when the bus is away or there is no room. */
  async claim(user: Address, signal: AbortSignal): Promise<Claim> {
    await abortable(this.#othersAreBack, signal);
    // After the wait: the bus may be another one by then, and this host may be about to go.
    const bus = this.#connected();
    if (!this.hasRoom) throw new HubError('unavailable', 'this host takes nobody more', { retry: 'now' });
    const held: Held = { user, fence: 0, lost: new AbortController(), place: undefined };
    const place = await this.#take(bus, held).catch((error: unknown) => {
      if (error instanceof HubError && error.code === 'busy')
        throw new HubError('moved', 'another host has just taken the user', { retry: 'now' });
      throw error;
    });
    let fence: number;
    try {
      fence = raiseFence(this.#deps.folders.of(user));
    } catch (error) {
      // The name would be taken, and nobody here.
      await place?.[Symbol.asyncDispose]();
      throw error;
    }
    const claim: Held = { ...held, fence, place };
    this.#claims.set(user, claim);
    return {
      fence: claim.fence,
      lost: claim.lost.signal,
      [Symbol.asyncDispose]: async () => {
        if (this.#claims.get(user) === claim) this.#claims.delete(user);
        await claim.place?.[Symbol.asyncDispose]();
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #connected(): Bus {
    if (this.#bus === undefined)
      throw new HubError('unavailable', 'the broker is away, so nobody knows where people are', { retry: 'later' });
    return this.#bus;
  }

  async #keepConnected(onTried: () => void, signal: AbortSignal): Promise<void> {
    let waitMs = BROKER_RETRY_FIRST_MS;
    for (;;) {
      try {
        await using bus = await this.#deps.connect();
        await this.#serve(bus);
        onTried();
        waitMs = BROKER_RETRY_FIRST_MS;
        await abortable(untilAborted(bus.lost), signal);
        this.#deps.log.warn({}, 'the broker is away');
      } catch (error) {
        if (isAbort(error, signal)) throw error;
        this.#deps.log.warn({ error: (error as Error).message }, 'the broker does not answer');
      } finally {
        this.#bus = undefined;
        onTried();
      }
      await this.#deps.clock.sleep(waitMs, signal);
      waitMs = Math.min(BROKER_RETRY_MAX_MS, waitMs * 2);
    }
  }

  async #serve(bus: Bus & { readonly lost: AbortSignal }): Promise<void> {
    const { instance } = this.#options;
    await bus.join(`host.${instance}`, (message) => this.#hear(bus, message));
    await bus.listen(ROOM_TOPIC, (message) => {
      if (this.hasRoom) this.#hear(bus, message);
    });
    await bus.listen(MAIL_TOPIC, (message) => {
      const user = decodeMail(message);
      if (user !== undefined) this.#deps.onMail(user);
    });
    this.#bus = bus;
    if (this.#wasConnected) this.#othersAreBack = this.#untilOthersAreBack(bus.lost);
    this.#wasConnected = true;
    for (const held of this.#claims.values())
      this.#scope.spawn('reclaim', (signal) => this.#reclaim(bus, held, AbortSignal.any([signal, bus.lost])));
  }

  /** Who has a user may have lost the bus when we did: until it is back, the name is free, and the user server runs. */
  #untilOthersAreBack(lost: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#scope.spawn('others', async (signal) => {
        try {
          await this.#deps.clock.sleep(RECLAIM_GRACE_MS, AbortSignal.any([signal, lost]));
        } catch (error) {
          if (!lost.aborted) throw error; // what is asked of a bus that is away again fails by itself
        } finally {
          resolve();
        }
      });
    });
  }

  /** The name that we held before the bus was away. */
  async #reclaim(bus: Bus, held: Held, signal: AbortSignal): Promise<void> {
    const { clock, folders, log } = this.#deps;
    const { fence, user } = held;
    const until = clock.monotonic() + RECLAIM_TIMEOUT_MS;
    try {
      while (this.#claims.get(user) === held) {
        try {
          const place = await this.#take(bus, held);
          // The user server has stopped meanwhile: nobody would give the name back.
          if (this.#claims.get(user) !== held) {
            await place[Symbol.asyncDispose]();
            return;
          }
          held.place = place;
          checkFence(folders.of(user), fence);
          return;
        } catch (error) {
          const isBusy = error instanceof HubError && error.code === 'busy';
          // Another host that has the name raises the fence, whether it finds the time to answer or not.
          if (isBusy) checkFence(folders.of(user), fence);
          // The broker may still believe in the connection that we have lost; nobody answers for it then.
          const isGhost = isBusy && !(await this.#isElsewhere(bus, user, signal));
          if (!isGhost || clock.monotonic() > until) throw error;
        }
        await clock.sleep(RECLAIM_INTERVAL_MS, signal);
      }
    } catch (error) {
      if (signal.aborted) return; // the bus is away again: the next one asks again
      log.warn({ user, error: (error as Error).message }, 'another host has taken a user over');
      this.#claims.delete(user);
      await held.place?.[Symbol.asyncDispose]();
      held.lost.abort();
    }
  }

  async #isElsewhere(bus: Bus, user: Address, signal: AbortSignal): Promise<boolean> {
    try {
      const { host, port } = await this.#ask((message) => bus.send(this.#nameOf(user), message), signal);
      return host !== this.location.host || port !== this.location.port;
    } catch (error) {
      if (error instanceof HubError) return false;
      throw error;
    }
  }

  #take(bus: Bus, { user }: Held): Promise<Place> {
    return bus.join(this.#nameOf(user), (message) => this.#hear(bus, message));
  }

  async #ask(say: (message: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<Location> {
    const id = ++this.#askCount;
    const late = (): Error =>
      new HubError('unavailable', 'the host that has the user does not answer', { retry: 'later' });
    try {
      return await withDeadline(this.#deps.clock, ASK_TIMEOUT_MS, signal, late, async (inTime) => {
        const answer = new Promise<Location>((resolve, reject) => {
          this.#asking.set(id, resolve);
          inTime.addEventListener('abort', () => reject(inTime.reason), { once: true });
        });
        answer.catch(() => undefined); // saying it may fail first
        await say(encodePlacement({ ask: { id, reply: `host.${this.#options.instance}` } }));
        return await answer;
      });
    } finally {
      this.#asking.delete(id);
    }
  }

  #hear(bus: Bus, bytes: Uint8Array): void {
    const message = decodePlacement(bytes);
    if ('at' in message) {
      const { host, id, port, tls } = message.at;
      this.#asking.get(id)?.({ host, port, tls });
      return;
    }
    const { id, reply } = message.ask;
    this.#scope.spawn('answer', async () => {
      try {
        await bus.send(reply, encodePlacement({ at: { id, ...this.location } }));
      } catch (error) {
        this.#deps.log.debug({ error }, 'who asked has gone');
      }
    });
  }

  #nameOf(user: Address): string {
    return `user.${this.#deps.folders.nameOf(user)}`;
  }
}

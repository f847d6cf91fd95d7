/**
 * Where users are: on this host alone, or on the hosts of one broker. Both raise the fence of a user's folder before their
 * user server starts; alone, it tells a process of an earlier run.
 */
import { abortable, type Clock, type Log, type SecureRandom } from '../../base/index.ts';
import type { Location } from '../../hub-client/index.ts';
import type { Address } from '../../protocol/index.ts';
import { AmqpBus } from '../bus/amqp/amqp-bus.ts';
import { raiseFence } from '../component/fence.ts';
import type { InstanceId } from '../component/ids.ts';
import { LocateService } from '../placement/locate-service.ts';
import { type Claim, Placement } from '../placement/placement.ts';
import type { UserFolders } from './user-folders.ts';

export interface Cluster extends AsyncDisposable {
  /** The host that has the user, if it is another one. */
  locate(user: Address, signal: AbortSignal): Promise<Location | undefined>;
  claim(user: Address, signal: AbortSignal): Promise<Claim>;
  /** Mail has come for somebody: told to the host that has them, or is to wake them. */
  announceMail(user: Address, signal: AbortSignal): Promise<void>;
  drain(): void;
  /** What is not well, in words. */
  problems(): readonly string[];
}

export interface ClusterOptions {
  /** `amqp://user:password@broker/vhost`. */
  readonly url: string;
  /** Where other hosts and programs reach this one. */
  readonly location: Location;
  readonly usersMax: number;
}

export function standAlone(folders: UserFolders, onMail: (user: string) => void): Cluster {
  return {
    locate: async () => undefined,
    claim: async (user) => ({
      fence: raiseFence(folders.of(user)),
      lost: new AbortController().signal,
      [Symbol.asyncDispose]: async () => undefined,
    }),
    announceMail: async (user) => onMail(user),
    drain: () => undefined,
    problems: () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
}

/** Hosts that are being joined: who asks waits, since one that took a user as if it were alone would be their second. */
export class JoiningCluster implements Cluster {
  readonly #whenJoined: Promise<Cluster>;
  #resolve: (cluster: Cluster) => void = () => undefined;
  #cluster: Cluster | undefined;
  #isDraining = false;

  constructor() {
    this.#whenJoined = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  joined(cluster: Cluster): void {
    if (this.#isDraining) cluster.drain();
    this.#cluster = cluster;
    this.#resolve(cluster);
  }

  async locate(user: Address, signal: AbortSignal): Promise<Location | undefined> {
    return (await abortable(this.#whenJoined, signal)).locate(user, signal);
  }

  async claim(user: Address, signal: AbortSignal): Promise<Claim> {
    return (await abortable(this.#whenJoined, signal)).claim(user, signal);
  }

  async announceMail(user: Address, signal: AbortSignal): Promise<void> {
    await (await abortable(this.#whenJoined, signal)).announceMail(user, signal);
  }

  drain(): void {
    this.#isDraining = true;
    this.#cluster?.drain();
  }

  problems(): readonly string[] {
    return this.#cluster?.problems() ?? ['the broker has not answered yet: nobody can be placed'];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster?.[Symbol.asyncDispose]();
  }
}

export interface BrokerDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly random: SecureRandom;
  readonly folders: UserFolders;
  readonly instance: InstanceId;
  readonly onMail: (user: string) => void;
}

/** Resolves when the broker has answered, or has not: a hub starts without it too, and takes people when it is there. */
export async function joinBroker(deps: BrokerDeps, { location, url, usersMax }: ClusterOptions): Promise<Cluster> {
  const { clock, folders, instance, log, onMail, random } = deps;
  const connect = (): Promise<AmqpBus> => AmqpBus.open({ log, random }, url);
  const placement = new Placement({ clock, log, connect, folders, onMail }, { instance, location, usersMax });
  await placement.tried();
  const service = new LocateService({ clock, log, placement }, url);
  return {
    locate: (user, signal) => placement.locate(user, signal),
    claim: (user, signal) => placement.claim(user, signal),
    announceMail: (user) => placement.announceMail(user),
    drain: () => placement.drain(),
    problems: () => (placement.isConnected ? [] : ['the broker is away: nobody can be placed']),
    [Symbol.asyncDispose]: async () => {
      await service[Symbol.asyncDispose]();
      await placement[Symbol.asyncDispose]();
    },
  };
}

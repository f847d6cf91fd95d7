/** The user servers of this host: one for each user, made when somebody wants it, forgotten when it has stopped. */
import { setMaxListeners } from 'node:events';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type Clock, type CryptoSuite, type Log, Scope, type SecureRandom } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { CacheMode, Peer } from '../component/launch.ts';
import { HubError } from '../hub-error.ts';
import type { Claim } from '../placement/placement.ts';
import { Gate } from './gate.ts';
import { AGENT_TIMEOUT_MS, CHECK_INTERVAL_MS, STARTS_PER_CORE, TICK_MS } from './limits.ts';
import type { LivingUserServer } from './relief.ts';
import type { Spawner } from './spawner.ts';
import type { UserFolders } from './user-folders.ts';
import { UserServer } from './user-server.ts';
import type { UserServerStatus } from './user-server-status.ts';

export interface UserServersDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly component: Component;
  readonly spawner: Spawner;
  readonly folders: UserFolders;
  readonly claim: (user: Address, signal: AbortSignal) => Promise<Claim>;
}

export interface UserServersOptions {
  /** Of this host. */
  readonly folder: string;
  readonly self: Peer;
  readonly busPath: string;
  /** Of mode 0700: the sockets of user servers are in it. */
  readonly runFolder: string;
  readonly cache: CacheMode;
  readonly idleTimeoutMs: number;
  readonly memoryBytes: number;
  readonly allowPrivate: boolean;
  readonly nodeUrl?: string | undefined;
}

export class UserServers implements AsyncDisposable {
  readonly #deps: UserServersDeps;
  readonly #options: UserServersOptions;
  readonly #scope: Scope;
  readonly #starts = new Gate(Math.max(1, availableParallelism() * STARTS_PER_CORE));
  readonly #servers = new Map<Address, UserServer>();
  #isClosed = false;

  constructor(deps: UserServersDeps, options: UserServersOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the control server failed'));
    // One listener for each of them: all are asked at once how they are.
    setMaxListeners(0, this.#scope.signal);
    deps.component.hear('ready', (_, { instance, user }) => {
      if (user !== undefined) this.#servers.get(user)?.isReady(instance);
    });
    // One that comes before it is known here asks once more.
    deps.component.handle('rejoin', async (_, { instance, user }) => {
      const server = user === undefined ? undefined : this.#servers.get(user);
      if (server?.instance !== instance) throw new HubError('absent', 'no such user server was left to this process');
      server.isReady(instance);
      return {};
    });
    this.#every('tick', TICK_MS, async () => {
      for (const server of this.#servers.values()) server.tick();
    });
    this.#every('check', CHECK_INTERVAL_MS, async (signal) => {
      await Promise.all([...this.#servers.values()].map((server) => server.check(signal)));
    });
  }

  /** Throws HubError `closed`. */
  of(user: Address): UserServer {
    if (this.#isClosed) throw new HubError('closed', 'the hub stops', { retry: 'later' });
    const known = this.#servers.get(user);
    if (known !== undefined) return known;
    const server = this.#create(user);
    this.#servers.set(user, server);
    return server;
  }

  ifAny(user: Address): UserServer | undefined {
    return this.#servers.get(user);
  }

  get count(): number {
    return this.#servers.size;
  }

  status(): UserServerStatus[] {
    return [...this.#servers.values()].map((server) => server.status);
  }

  /** Those whose processes go on under the control server that relieves ours; the others end. */
  async leave(): Promise<LivingUserServer[]> {
    this.#isClosed = true;
    const left = await Promise.all([...this.#servers.values()].map((server) => server.leave(this.#scope.signal)));
    this.#servers.clear();
    return left.filter((living) => living !== undefined);
  }

  /** What the control server before this one has left. */
  adopt(living: readonly LivingUserServer[]): void {
    for (const one of living) this.of(one.user).adopt(one);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#servers.values()].map((server) => server[Symbol.asyncDispose]()));
    await this.#scope[Symbol.asyncDispose]();
  }

  #create(user: Address): UserServer {
    const { claim, clock, component, folders, log, random, spawner, suite } = this.#deps;
    const { allowPrivate, busPath, cache, folder, idleTimeoutMs, memoryBytes, nodeUrl, runFolder, self } =
      this.#options;
    return new UserServer(
      {
        clock,
        suite,
        random,
        log,
        component,
        spawner,
        starts: this.#starts,
        claim,
        onStopped: () => this.#servers.delete(user),
      },
      {
        user,
        idleTimeoutMs,
        launch: {
          component: 'user-server',
          user,
          control: self,
          busPath,
          socketPath: join(runFolder, `${folders.nameOf(user)}.sock`),
          folder: folders.of(user),
          cache,
          nodeUrl,
          hostFolder: folder,
          allowPrivate,
          limits: { memoryBytes, agentTimeoutMs: AGENT_TIMEOUT_MS },
        },
      },
    );
  }

  #every(name: string, intervalMs: number, act: (signal: AbortSignal) => Promise<void>): void {
    this.#scope.spawn(name, async (signal) => {
      for (;;) {
        await this.#deps.clock.sleep(intervalMs, signal);
        await act(signal);
      }
    });
  }
}

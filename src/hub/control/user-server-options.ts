/** What the driver of a user server is made with, and what it says of one that runs. */
import type { Clock, CryptoSuite, Log, SecureRandom } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { InstanceId, SessionId } from '../component/ids.ts';
import type { Launch } from '../component/launch.ts';
import type { HubScope } from '../component/user-server-protocol.ts';
import type { Claim } from '../placement/placement.ts';
import type { Gate } from './gate.ts';
import type { Spawner } from './spawner.ts';

export interface UserServerDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly component: Component;
  readonly spawner: Spawner;
  /** How many may start at once. */
  readonly starts: Gate;
  /** The right to run this user, and the fence number that goes with it; rejects when another host has it. */
  readonly claim: (user: Address, signal: AbortSignal) => Promise<Claim>;
  /** Its process has ended and none is to follow; may be said twice. */
  readonly onStopped: (user: Address) => void;
}

export interface UserServerOptions {
  readonly user: Address;
  readonly idleTimeoutMs: number;
  /** What the launch message says, but for what is new at each start. */
  readonly launch: Omit<Launch, 'instance' | 'keys' | 'fence'>;
}

/** What a process is told of a session. */
export interface Told {
  readonly id: SessionId;
  readonly scopes: readonly HubScope[];
}

/** A process that serves. */
export interface Running {
  readonly instance: InstanceId;
  readonly socketPath: string;
}

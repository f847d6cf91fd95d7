/** What a control server is opened with. */
import type { Clock, CryptoSuite, Log, SecureRandom } from '../../base/index.ts';
import type { Address, HomeName } from '../../protocol/index.ts';
import type { CacheMode } from '../component/launch.ts';
import type { HomeCheck } from './home-check.ts';
import type { ListenAt } from './listener.ts';
import type { HomeOperator } from './operator-page.ts';
import type { Relief } from './relief.ts';

export interface ControlServerDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly log: Log;
  /** Closed with the control server. */
  readonly homeCheck: HomeCheck;
}

export interface ControlServerOptions {
  /** Of this host. */
  readonly folder: string;
  /** The users' folders; hosts that share a broker share it. */
  readonly usersFolder: string;
  /** The main file of the user server. */
  readonly program: string;
  /** Where programs of this host connect. */
  readonly socket: { readonly path: string; readonly mode: number };
  readonly port?: Extract<ListenAt, { host: string }> | undefined;
  /** Where programs reach the port, when a proxy stands before it. */
  readonly publicUrl?: string | undefined;
  /** Of the web page's built files; absent: there is no page. */
  readonly pageFolder?: string | undefined;
  /** The operator's page is served at the port; `home` is the node beside this hub. Absent: it is not. */
  readonly operatorPage?: { readonly home: HomeOperator | undefined } | undefined;
  readonly cache: CacheMode;
  readonly idleTimeoutMs: number;
  readonly memoryBytes: number;
  readonly allowPrivate: boolean;
  /** Reaches the home by this node. */
  readonly nodeUrl?: string | undefined;
  /** Whose people may log in for the first time; absent: those of every home. */
  readonly homes?: readonly HomeName[] | undefined;
  /** The hub of one person. */
  readonly onlyUser?: Address | undefined;
  /** Several hosts share the users; the place is this host's port, as the others reach it. */
  readonly broker?: { readonly url: string; readonly host: string; readonly usersMax: number } | undefined;
  /** Of the control server that this one relieves. */
  readonly relief?: Relief | undefined;
  /** Has another process relieve this one, which `leave`s; absent: what it is a part of cannot be. Resolves with its number. */
  readonly relieve?: (() => Promise<number>) | undefined;
}

/** What an operator sees of one user's server process. */
import type { Address } from '../../protocol/index.ts';
import type { AccountLag } from '../component/user-server-protocol.ts';
import type { Life } from './life.ts';

export interface UserServerStatus {
  readonly user: Address;
  readonly phase: Life['phase'];
  readonly connections: number;
  /** Of accounts at other mail servers: how long ago each was in step. */
  readonly lags: readonly AccountLag[];
  readonly failures: number;
  readonly pid: number | undefined;
  readonly residentBytes: number;
  readonly cpuMs: number;
  readonly ageMs: number;
}

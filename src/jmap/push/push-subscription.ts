/** A push subscription as it is kept (RFC 8620, section 7.2). */
import type { ChangedStates } from './state-feed.ts';
import type { PushKeys } from './web-push.ts';

export interface StoredSubscription {
  /** The login that made it: no other sees it, and it ends with that. */
  readonly credential: string;
  readonly deviceClientId: string;
  readonly url: string;
  readonly keys: PushKeys | null;
  /** What the endpoint was told to prove itself with. */
  readonly verificationCode: string;
  readonly isVerified: boolean;
  readonly wrongCodes: number;
  readonly expiresAt: number;
  /** Null for all. */
  readonly types: readonly string[] | null;
  /** The states that it was told last, or that were when it was made. */
  readonly toldStates: ChangedStates;
}

/** What makes a device one of an account: kept by whoever opens the client, sealed by the person's password or keyring. */
import type { KeyPair } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { AccountSecrets } from '../../vault/index.ts';

export interface DeviceProfile {
  readonly address: Address;
  readonly secrets: AccountSecrets;
  /** Signs mail and authenticates connections. */
  readonly device: KeyPair;
  /** 32 bytes: opens what later versions of the account's vault record hold, so that a rotation reaches this device. */
  readonly contentKey: Uint8Array;
}

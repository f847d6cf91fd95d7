/** What makes a device one of an account: kept by whoever opens the client, sealed by the person's password or keyring. */
import { z } from 'zod';
import {
  type CryptoSuite,
  fromBase64,
  fromHex,
  fromUtf8,
  type KeyPair,
  toBase64,
  toHex,
  utf8,
} from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import { type AccountSecrets, decodeAccountSecrets, encodeAccountSecrets } from '../../vault/index.ts';

export interface DeviceProfile {
  readonly address: Address;
  readonly secrets: AccountSecrets;
  /** Signs mail and authenticates connections. */
  readonly device: KeyPair;
  /** 32 bytes: opens what later versions of the account's vault record hold, so that a rotation reaches this device. */
  readonly contentKey: Uint8Array;
}

const digits = z.string().regex(/^[0-9a-f]{64}$/);
const schema = z.strictObject({
  account: z.string().regex(/^[A-Za-z0-9+/]*$/),
  device_seed: digits,
  content_key: digits,
});

/** In the clear: what is made of it is to be sealed. */
export function encodeDeviceProfile({ secrets, device, contentKey }: DeviceProfile): Uint8Array {
  return utf8(
    JSON.stringify({
      account: toBase64(encodeAccountSecrets(secrets)),
      device_seed: toHex(device.secretKey.subarray(0, 32)),
      content_key: toHex(contentKey),
    }),
  );
}

/** Of bytes that this program wrote: throws a ZodError for others. */
export function decodeDeviceProfile(suite: CryptoSuite, address: Address, bytes: Uint8Array): DeviceProfile {
  const fields = schema.parse(JSON.parse(fromUtf8(bytes)));
  return {
    address,
    secrets: decodeAccountSecrets(suite, fromBase64(fields.account)),
    device: suite.keyPair(fromHex(fields.device_seed)),
    contentKey: fromHex(fields.content_key),
  };
}

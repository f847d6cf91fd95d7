/**
 * The addresses of SMTP doors (docs/protocol/smtp-door.md): accounts whose devices are doors, not people. Whatever such an
 * account writes came to the home in the clear. No person may take such an address, and nothing is delivered to it.
 */
import { type Address, type DeviceId, type HomeName, parseAddress } from './ids.ts';

const DOOR = /^smtp-door-[0-9a-f]{16}@/;

/** Of the door whose only device this is: a door that lost its keys comes back under another address. */
export function doorAddressOf(home: HomeName, device: DeviceId): Address {
  return parseAddress(`smtp-door-${device.slice(0, 16)}@${home}`);
}

export function isDoorAddress(address: string): boolean {
  return DOOR.test(address);
}

/** Above a mail from outside: what the home's filter makes of it. One that a stranger wrote is taken away by the door. */
export const JUNK_FIELD = 'Restante-Junk';

/** Of a mail by a door; `headers` are names and values in their order. */
export function isSuspectedJunk(headers: readonly (readonly [name: string, value: string])[]): boolean {
  const [, value = ''] = headers.find(([name]) => name.toLowerCase() === JUNK_FIELD.toLowerCase()) ?? [];
  return /^\s*yes\b/i.test(value);
}

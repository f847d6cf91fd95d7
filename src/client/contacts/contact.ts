/** An account as this device knows it: its verified chain, and what follows from it. */
import type { AccountDocument, Address, DeviceId } from '../../protocol/index.ts';
import { type Certificate, parseCertificate, VaultError } from '../../vault/index.ts';
import type { Trust } from './contact-row.ts';

export interface Contact {
  readonly address: Address;
  /** From version 1 on. */
  readonly chain: readonly AccountDocument[];
  /** The newest version. */
  readonly document: AccountDocument;
  readonly trust: Trust;
  /** The one to encrypt to; undefined: none of the account's can, or its user id is not the address. */
  readonly certificate: Certificate | undefined;
  /** Since when that certificate's key is the account's, by the account's own word, milliseconds since 1970. */
  readonly keySince: number;
  /** Every certificate the account ever had, for what it signed. */
  readonly signers: readonly Certificate[];
  /** Every device the account ever had: what one signed before it was revoked stays right. */
  readonly devices: ReadonlyMap<DeviceId, Uint8Array>;
}

export async function createContact(chain: readonly AccountDocument[], trust: Trust): Promise<Contact> {
  const document = chain.at(-1) as AccountDocument;
  const devices = new Map<DeviceId, Uint8Array>();
  const certificates = new Map<string, Certificate>();
  let current: Certificate | undefined;
  let keySince = document.time;
  let isSame = true;
  // Newest first, so that the certificate that people see first is the one in use.
  for (const version of [...chain].reverse()) {
    for (const device of [...version.devices, ...version.revoked]) devices.set(device.id, device.key);
    for (const [i, bytes] of version.certificates.entries()) {
      const certificate = await readCertificate(bytes);
      if (certificate === undefined || !certificate.addresses.includes(document.address)) continue;
      if (version === document && i === 0) current = certificate;
      if (i === 0) isSame &&= certificate.fingerprint === current?.fingerprint;
      if (i === 0 && isSame) keySince = version.time;
      certificates.set(certificate.hash, certificate);
    }
  }
  const canEncrypt = current?.encryptionKey !== undefined && !document.closed;
  return {
    address: document.address,
    chain,
    document,
    trust,
    certificate: canEncrypt ? current : undefined,
    keySince,
    signers: newestOfEach([...certificates.values()]),
    devices,
  };
}

/** A certificate that does not parse is as good as none. */
async function readCertificate(bytes: Uint8Array): Promise<Certificate | undefined> {
  try {
    return await parseCertificate(bytes);
  } catch (error) {
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}

/** A rotation keeps the primary key: the newest certificate of a fingerprint verifies all that the ones before did. */
function newestOfEach(certificates: readonly Certificate[]): Certificate[] {
  const seen = new Set<string>();
  return certificates.filter(({ fingerprint }) => !seen.has(fingerprint) && seen.add(fingerprint));
}

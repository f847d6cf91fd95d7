/** A next version of an account: what changes, signed, and sent until it fits on what other devices wrote meanwhile. */
import type { CryptoSuite } from '../../base/index.ts';
import {
  type AccountContent,
  type AccountDocument,
  accountContentJson,
  encodeVaultRecord,
  signDocument,
  type VaultRecord,
} from '../../protocol/index.ts';
import type { AccountSecrets } from '../../vault/index.ts';
import { ClientError } from '../client-error.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import { type Contact, createContact } from '../contacts/contact.ts';
import type { Contacts } from '../contacts/contacts.ts';
import { homeError, isSilent } from '../contacts/lookup-errors.ts';
import { CHAIN_RACES_MAX } from '../limits.ts';

export interface ChainDeps {
  readonly suite: CryptoSuite;
  readonly contacts: Contacts;
  /** Milliseconds since 1970, by the home's clock as far as known. */
  readonly now: () => number;
}

export interface VersionChange {
  readonly content: Partial<Pick<AccountContent, 'certificates' | 'devices' | 'revoked' | 'retentionDays' | 'closed'>>;
  /** A new vault record; undefined: the one before stays. */
  readonly vault: VaultRecord | undefined;
}

/** The bytes of a version, signed by the account's identity key. */
export function signVersion(
  suite: CryptoSuite,
  secrets: AccountSecrets,
  content: Omit<AccountContent, 'identity' | 'address'>,
): Uint8Array {
  const { publicKey } = secrets.identity;
  return signDocument(suite, accountContentJson({ ...content, address: secrets.address, identity: publicKey }), [
    secrets.identity,
  ]);
}

export function vaultNameOf(suite: CryptoSuite, record: Uint8Array): AccountContent['vault'] {
  return {
    sha256: Array.from(suite.sha256(record), (byte) => byte.toString(16).padStart(2, '0')).join(''),
    size: record.length,
  };
}

/**
 * Writes the next version. `change` is asked again when another device was first. Throws ConnectionError or ClientError
 * `bad_account`.
 */
export async function extendChain(
  deps: ChainDeps,
  connection: NodeConnection,
  secrets: AccountSecrets,
  change: (current: AccountDocument) => VersionChange,
): Promise<Contact> {
  for (let attempt = 1; ; attempt++) {
    const { document, chain } = await ownContact(deps.contacts, connection, secrets);
    const { content, vault } = change(document);
    const record = vault === undefined ? new Uint8Array(0) : encodeVaultRecord(vault);
    const next = signVersion(deps.suite, secrets, {
      version: document.version + 1,
      previous: document.signed.hash,
      time: Math.floor(deps.now()),
      certificates: document.certificates,
      devices: document.devices,
      revoked: document.revoked,
      vault: vault === undefined ? document.vault : vaultNameOf(deps.suite, record),
      retentionDays: document.retentionDays,
      closed: document.closed,
      ...content,
    });
    try {
      await connection.request('chain', (request) => ({
        oneofKind: 'appendChain',
        appendChain: { request, document: next, vault: record, invite: '' },
      }));
    } catch (error) {
      if (refusalOf(error) === 'bad_chain' && attempt < CHAIN_RACES_MAX) continue;
      throw error;
    }
    if (content.closed === true) return createContact(chain, 'own');
    return ownContact(deps.contacts, connection, secrets);
  }
}

/** The own chain as the node shows it now, checked against the own identity key. Throws ClientError `bad_account`, `home_unreachable`. */
export async function ownContact(
  contacts: Contacts,
  connection: NodeConnection,
  secrets: AccountSecrets,
): Promise<Contact> {
  const found = await contacts.lookUp(connection, secrets.address);
  if (isSilent(found)) throw homeError(found);
  if (found.status !== 'known')
    throw new ClientError('bad_account', `the home does not show the chain of ${secrets.address} as it should be`, {
      details: found.status === 'alarm' ? { alarm: found.code } : {},
      fix: 'ask the operator of the home; your mail stays on this device',
    });
  const { identity } = found.contact.document;
  if (!identity.every((byte, i) => byte === secrets.identity.publicKey[i]))
    throw new ClientError(
      'bad_account',
      `the chain of ${secrets.address} is signed by another identity key than yours`,
    );
  return found.contact;
}

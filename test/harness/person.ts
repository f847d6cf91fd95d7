/**
 * A person as the wire sees one: an identity, a device, a chain, and PDUs with bodies of any bytes. For tests of nodes and
 * for load: nothing is encrypted, since a node cannot tell.
 */
import { type KeyPair, type SecureRandom, toHex, utf8 } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import {
  type AccountContent,
  type Address,
  type Attached,
  accountContentJson,
  bodyOf,
  type ConversationId,
  deviceIdOf,
  ENROLMENT_FLOOR,
  encodeVaultRecord,
  type Pdu,
  type PduType,
  signDocument,
  signPdu,
} from '../../src/protocol/index.ts';

const suite = new SodiumSuite();

export interface Person {
  readonly address: Address;
  readonly identity: KeyPair;
  readonly device: KeyPair;
  readonly enrolment: KeyPair;
  readonly vault: Uint8Array;
  readonly content: AccountContent;
  /** Version 1, to be offered to a home. */
  readonly document: Uint8Array;
}

export function createPerson(random: SecureRandom, address: Address, changes: Partial<AccountContent> = {}): Person {
  const identity = suite.keyPair(random.bytes(32));
  const device = suite.keyPair(random.bytes(32));
  const enrolment = suite.keyPair(random.bytes(32));
  const vault = encodeVaultRecord({
    parameters: { algorithm: 'argon2id', salt: random.bytes(16), ...ENROLMENT_FLOOR },
    enrolmentKey: enrolment.publicKey,
    recoveryKey: random.bytes(32),
    sealedByPassword: random.bytes(64),
    sealedByRecovery: random.bytes(64),
    content: random.bytes(600),
  });
  const content: AccountContent = {
    address,
    version: 1,
    previous: null,
    time: 1,
    identity: identity.publicKey,
    certificates: [],
    devices: [{ id: deviceIdOf(suite, device.publicKey), key: device.publicKey, name: 'test', addedAt: 1 }],
    revoked: [],
    vault: bodyOf(suite, vault),
    retentionDays: 0,
    closed: false,
    ...changes,
  };
  const document = signDocument(suite, accountContentJson(content), [identity]);
  return { address, identity, device, enrolment, vault, content, document };
}

/** A signed PDU over `body`. */
export function writePdu(
  random: SecureRandom,
  author: Pick<Person, 'address' | 'device'>,
  recipients: readonly Address[],
  body: Uint8Array,
  type: PduType = 'mail',
  attached?: readonly Attached[],
): Pdu {
  return signPdu(
    suite,
    {
      type,
      conversation: toHex(random.bytes(16)) as ConversationId,
      author: author.address,
      device: deviceIdOf(suite, author.device.publicKey),
      depth: 1,
      prev: [],
      recipients,
      time: 1,
      body: bodyOf(suite, body),
      ...(attached === undefined ? {} : { attached }),
    },
    author.device.secretKey,
  );
}

export function bodyText(text: string): Uint8Array {
  return utf8(text);
}

/**
 * Before there is a client: making an account, joining a device to one, recovering one. A password never leaves the device,
 * nor does anything derived from it before the home's parameters are known to be strong enough; then only a public key and
 * signatures do.
 */
import {
  type Clock,
  type CryptoSuite,
  equalBytes,
  type KeyPair,
  type SecureRandom,
  whenAborted,
} from '../../base/index.ts';
import {
  type AccountDocument,
  type Address,
  areStrongEnough,
  type Device,
  deviceIdOf,
  encodeVaultRecord,
  homeOf,
  judgeChain,
  ProtocolError,
  parseEnrolmentParameters,
  parseSignedDocument,
  parseVaultRecord,
  type VaultRecord,
} from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import {
  type AccountSecrets,
  changePassword,
  createAccountSecrets,
  createEnrolmentParameters,
  createRecoveryCode,
  type DerivedKeys,
  derivePasswordKeys,
  deriveRecoveryKeys,
  type OpenedVault,
  openVaultRecord,
  type PasswordSeal,
  parseCertificate,
  parseRecoveryCode,
  type RecoveryCode,
  sealVaultRecord,
  VaultError,
  type VaultOpener,
} from '../../vault/index.ts';
import { Alarms } from '../alarms.ts';
import { ClientError } from '../client-error.ts';
import {
  authenticate,
  type HandshakeDeps,
  type NodeConnection,
  openConnection,
  refusalOf,
} from '../connection/index.ts';
import { Contacts } from '../contacts/contacts.ts';
import { HomePin } from '../contacts/home-pin.ts';
import { HomePins } from '../contacts/home-pins.ts';
import { KeyLogs } from '../contacts/key-logs.ts';
import { homeError, isSilent } from '../contacts/lookup-errors.ts';
import { extendChain, signVersion, vaultNameOf } from './chain-version.ts';
import type { DeviceProfile } from './device-profile.ts';
import { explainRefusal } from './refusals.ts';

export interface SetupDeps extends HandshakeDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  /** The new profile's own: the home's chain and the account's are pinned here. */
  readonly store: Store;
}

interface Where {
  readonly address: Address;
  /** `ws:` or `wss:` URL of a node of the home. */
  readonly nodeUrl: string;
  /** As people tell their devices apart. */
  readonly deviceName: string;
}

export interface CreateOptions extends Where {
  readonly password: string;
  /** Empty where registration is open. */
  readonly invite: string;
}

export interface JoinOptions extends Where {
  readonly password: string;
}

export interface RecoverOptions extends Where {
  readonly recoveryCode: string;
  readonly newPassword: string;
}

export interface Enrolled {
  readonly profile: DeviceProfile;
  /** Of the account's certificate. */
  readonly fingerprint: string;
}

export interface Created extends Enrolled {
  readonly recoveryCode: RecoveryCode;
}

interface Session {
  readonly connection: NodeConnection;
  readonly contacts: Contacts;
  readonly home: HomePin;
}

/** Throws ClientError, ConnectionError or VaultError. */
export async function createAccount(deps: SetupDeps, options: CreateOptions, signal: AbortSignal): Promise<Created> {
  const { suite, random, clock } = deps;
  const { address, password } = options;
  return withSession(deps, options, signal, async ({ connection, contacts, home }) => {
    const seal = await sealOf(suite, random, password);
    const recoveryCode = createRecoveryCode(random);
    const recovery = deriveRecoveryKeys(suite, recoveryCode);
    const secrets = await createAccountSecrets({ suite, random }, { address, createdAt: clock.now() });
    const device = suite.keyPair(random.bytes(32));
    const record = sealVaultRecord(random, secrets, { password: seal, recovery });
    const vault = encodeVaultRecord(record);
    const time = Math.floor(clock.now());
    const document = signVersion(suite, secrets, {
      version: 1,
      previous: null,
      time,
      certificates: [secrets.certificate],
      devices: [deviceOf(suite, device, options.deviceName, time)],
      revoked: [],
      vault: vaultNameOf(suite, vault),
      retentionDays: 0,
      closed: false,
    });
    const { chain } = await connection.request('chain', (request) => ({
      oneofKind: 'appendChain',
      appendChain: { request, document, vault, invite: options.invite },
    }));
    const verdict = judgeChain(suite, { address, known: [], documents: chain.documents, homeKeys: home.keys });
    const first = verdict.status === 'links' ? verdict.chain[0] : undefined;
    // The home adds its signature and nothing else.
    if (first === undefined || verdict.status !== 'links' || !sameContent(suite, first, document))
      throw new ClientError('bad_account', 'the home admitted another document than it was given');
    await contacts.adopt(verdict.chain);
    const { contentKey } = openVaultRecord(suite, record, address, { by: 'recovery', keys: recovery });
    return {
      profile: { address, secrets, device, contentKey },
      recoveryCode,
      fingerprint: await fingerprintOf(secrets),
    };
  });
}

/** Throws ClientError (`weak_parameters`, `wrong_password` …), ConnectionError or VaultError. */
export async function joinAccount(deps: SetupDeps, options: JoinOptions, signal: AbortSignal): Promise<Enrolled> {
  const { address, password } = options;
  return withSession(deps, options, signal, async (session) => {
    const keys = await enrolmentKeys(deps, session.connection, address, password);
    await proveAs(deps, session, address, keys.authentication, 'wrong_password');
    const { vault } = await openVault(deps, session, address, { by: 'password', keys });
    return enrol(deps, session, options, vault, undefined);
  });
}

/**
 * The account's secrets, as the password opens them at the home; no device is added. For a device that has forgotten its
 * password and not its account. Throws as `joinAccount`.
 */
export async function unlockAccount(
  deps: SetupDeps,
  options: Omit<JoinOptions, 'deviceName'>,
  signal: AbortSignal,
): Promise<AccountSecrets> {
  const { address, password } = options;
  return withSession(deps, options, signal, async (session) => {
    const keys = await enrolmentKeys(deps, session.connection, address, password);
    await proveAs(deps, session, address, keys.authentication, 'wrong_password');
    const { vault } = await openVault(deps, session, address, { by: 'password', keys });
    return vault.secrets;
  });
}

/** Also sets a new password; the recovery code stays good. Throws as `joinAccount`, and ClientError `wrong_recovery_code`. */
export async function recoverAccount(deps: SetupDeps, options: RecoverOptions, signal: AbortSignal): Promise<Enrolled> {
  const { suite, random } = deps;
  const { address } = options;
  const keys = deriveRecoveryKeys(suite, parseRecoveryCode(options.recoveryCode));
  return withSession(deps, options, signal, async (session) => {
    await proveAs(deps, session, address, keys.authentication, 'wrong_recovery_code');
    const { record, vault } = await openVault(deps, session, address, { by: 'recovery', keys });
    const seal = await sealOf(suite, random, options.newPassword);
    return enrol(deps, session, options, vault, changePassword(random, record, vault, seal));
  });
}

/** A password in the form that goes into a vault record. */
export async function sealOf(suite: CryptoSuite, random: SecureRandom, password: string): Promise<PasswordSeal> {
  const parameters = createEnrolmentParameters(random);
  return { parameters, keys: await derivePasswordKeys(suite, password, parameters) };
}

/** The account's vault record, which must be the one that its chain names. Throws ClientError `bad_account`. */
export async function fetchVaultRecord(
  suite: CryptoSuite,
  connection: NodeConnection,
  document: AccountDocument,
): Promise<VaultRecord> {
  const { vault } = await connection.request('vault', (request) => ({ oneofKind: 'getVault', getVault: { request } }));
  if (vaultNameOf(suite, vault.record).sha256 !== document.vault.sha256)
    throw new ClientError('bad_account', 'the home keeps another vault record than the account’s chain names');
  try {
    return parseVaultRecord(vault.record);
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    throw new ClientError('bad_account', 'the vault record of the account cannot be read', { cause: error });
  }
}

export async function fingerprintOf(secrets: AccountSecrets): Promise<string> {
  return (await parseCertificate(secrets.certificate)).fingerprint;
}

async function withSession<Result>(
  deps: SetupDeps,
  where: Omit<Where, 'deviceName'>,
  signal: AbortSignal,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const { clock, suite, store } = deps;
  const name = homeOf(where.address);
  await using connection = await openConnection(deps, { url: where.nodeUrl, home: name, key: undefined }, signal);
  const cut = (): void => void connection[Symbol.asyncDispose]();
  using _ = whenAborted(signal, cut);
  try {
    const alarms = await Alarms.open({ clock, store, onAlarm: ({ code, detail }) => deps.log.warn({ code }, detail) });
    const home = await HomePin.open({ suite, store, alarms }, name);
    const verdict = await home.refresh(connection, undefined);
    if (verdict.status === 'refused')
      throw new ClientError('bad_home', verdict.why, { details: { alarm: verdict.code } });
    if (!home.isNode(connection.info.node))
      throw new ClientError('bad_home', `${where.nodeUrl} is not a node that the home document of ${name} names`);
    const homes = new HomePins({ clock, suite, store, alarms, own: home });
    const keyLogs = new KeyLogs({ clock, suite, store, alarms, homes });
    const onKeyChanged = (): void => undefined; // nobody is known yet but this person
    const contacts = new Contacts(
      { clock, suite, store, alarms, homes, keyLogs, onKeyChanged },
      { own: where.address },
    );
    return await work({ connection, contacts, home });
  } catch (error) {
    signal.throwIfAborted();
    throw explainRefusal(error);
  }
}

async function enrolmentKeys(
  { suite }: SetupDeps,
  connection: NodeConnection,
  address: Address,
  password: string,
): Promise<DerivedKeys> {
  const { enrolment } = await connection.request('enrolment', (request) => ({
    oneofKind: 'getEnrolment',
    getEnrolment: { request, address, recovery: false },
  }));
  const parameters = parseEnrolmentParameters(enrolment.parameters);
  if (!areStrongEnough(parameters))
    throw new ClientError(
      'weak_parameters',
      'the home asks for a stretching of the password that is not safe; nothing was sent',
      {
        fix: 'do not enter the password here; tell the operator of the home',
        details: { memoryKib: parameters.memoryKib, passes: parameters.passes, lanes: parameters.lanes },
      },
    );
  return derivePasswordKeys(suite, password, parameters);
}

async function proveAs(
  deps: SetupDeps,
  { connection, home }: Session,
  address: Address,
  key: KeyPair,
  wrong: 'wrong_password' | 'wrong_recovery_code',
): Promise<void> {
  try {
    await authenticate(deps, connection, { address, home: home.home, key });
  } catch (error) {
    if (refusalOf(error) !== 'auth_failed') throw error;
    const what = wrong === 'wrong_password' ? 'password' : 'recovery code';
    throw new ClientError(wrong, `no account ${address} with this ${what}`, { cause: error });
  }
}

async function openVault(
  { suite }: SetupDeps,
  { connection, contacts }: Session,
  address: Address,
  opener: VaultOpener,
): Promise<{ record: VaultRecord; vault: OpenedVault }> {
  const own = await contacts.lookUp(connection, address);
  if (isSilent(own)) throw homeError(own);
  if (own.status !== 'known') throw new ClientError('bad_account', `the chain of ${address} does not verify`);
  const record = await fetchVaultRecord(suite, connection, own.contact.document);
  try {
    const vault = openVaultRecord(suite, record, address, opener);
    const { identity } = own.contact.document;
    if (!equalBytes(identity, vault.secrets.identity.publicKey))
      throw new ClientError(
        'bad_account',
        `the chain of ${address} is signed by another identity key than the vault holds`,
      );
    return { record, vault };
  } catch (error) {
    if (error instanceof VaultError && (error.code === 'wrong_password' || error.code === 'wrong_recovery_code'))
      throw new ClientError(error.code, error.message, { cause: error });
    throw error;
  }
}

/** Adds this device to the chain. */
async function enrol(
  deps: SetupDeps,
  { connection, contacts }: Session,
  where: Where,
  vault: OpenedVault,
  record: VaultRecord | undefined,
): Promise<Enrolled> {
  const { suite, random, clock } = deps;
  const { secrets, contentKey } = vault;
  const device = suite.keyPair(random.bytes(32));
  const entry = deviceOf(suite, device, where.deviceName, Math.floor(clock.now()));
  await extendChain({ suite, contacts, now: () => clock.now() }, connection, secrets, ({ devices }) => ({
    content: { devices: [...devices, entry] },
    vault: record,
  }));
  const profile = { address: where.address, secrets, device, contentKey };
  return { profile, fingerprint: await fingerprintOf(secrets) };
}

function deviceOf(suite: CryptoSuite, { publicKey }: KeyPair, name: string, addedAt: number): Device {
  return { id: deviceIdOf(suite, publicKey), key: publicKey, name: name.slice(0, DEVICE_NAME_CHARACTERS), addedAt };
}

/** What an account document allows. */
const DEVICE_NAME_CHARACTERS = 200;

function sameContent(suite: CryptoSuite, admitted: AccountDocument, offered: Uint8Array): boolean {
  // Both were parsed from canonical JSON, so equal content has equal spelling.
  return JSON.stringify(parseSignedDocument(suite, offered).content) === JSON.stringify(admitted.signed.content);
}

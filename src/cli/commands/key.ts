/** `key …` and `device …`: certificates, fingerprints, trust; and the devices of the account. */
import type { Command } from 'commander';
import { SystemResolver, UndiciDialer } from '../../base/system/index.ts';
import { ClientError, type DeviceInfo, type KeyInfo } from '../../client/index.ts';
import { isLoopbackHome } from '../../federation/index.ts';
import { type Address, homeOf, parseDeviceId } from '../../protocol/index.ts';
import type { Certificate } from '../../vault/public.ts';
import { CliError } from '../cli-error.ts';
import type { Act, Context, Person } from '../context.ts';
import { addressArgument, DEVICE, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { findOrdinaryKey } from '../ordinary-key.ts';
import { withPerson } from '../person.ts';
import { isoTime, showTime } from '../terminal/figures.ts';
import { PASSPHRASE } from '../terminal/questions.ts';
import { showFingerprint } from './account.ts';

export function addKey(program: Command, act: Act): void {
  const key = program.command('key').helpGroup(DEVICE).description('Certificates, fingerprints and trust.');
  const on = (name: string, description: string): Command => forPerson(key.command(name).description(description));
  withExamples(
    on(
      'show',
      'Show a key: yours, of an address as its home has it now, or of any other in the directory of its domain.',
    )
      .argument('[address]', 'whose', addressArgument)
      .action(act(show)),
    'restante key show bob@home.example',
    'restante key show joe@somewhere.example',
  );
  withExamples(
    on('verify', 'Say that you compared the fingerprint with its owner.')
      .argument('<address>', 'whose', addressArgument)
      .argument('[fingerprint...]', 'as its owner told it')
      .action(act(verify)),
    'restante key verify bob@home.example 8C5D 6B3F 685D 19AB B2A3 075D 426C 7F3B 0900 C1F9',
  );
  withExamples(
    on('rotate', 'Encrypt new mail to a new subkey; old mail stays readable.').action(act(rotate)),
    'restante key rotate',
  );
  withExamples(
    on('export', 'Print a certificate for GnuPG and others.')
      .argument('[address]', 'whose (default: yours)', addressArgument)
      .option('--secret', 'your secret key, locked by a passphrase')
      .action(act(exportKey)),
    'restante key export bob@home.example > bob.asc',
    'restante key export --secret | gpg --import',
  );
}

export function addDevice(program: Command, act: Act): void {
  const device = program.command('device').helpGroup(DEVICE).description('The devices of your account.');
  withExamples(
    forPerson(device.command('list').description('List them.')).action(act(listDevices)),
    'restante device list',
  );
  withExamples(
    forPerson(device.command('revoke').description('Shut one out: it can neither connect nor sign any more.'))
      .argument('<id>', 'as `restante device list` shows it; the first digits are enough')
      .action(act(revoke)),
    'restante device revoke 1f0c9a',
  );
}

async function show(context: Context, options: PersonOptions, address: Address | undefined): Promise<void> {
  await withPerson(context, options, { isOnline: true }, async (person) => {
    const whose = address ?? person.profile.address;
    try {
      say(context, await person.client.people.lookUp(whose));
    } catch (error) {
      if (!isNoHome(error)) throw error;
      const certificate = await lookInDirectory(context, whose);
      if (certificate === undefined) throw error;
      sayOrdinary(context, whose, certificate);
    }
  });
}

/** What stands after the @ is no home, or none that answers: perhaps it is somewhere else that people have OpenPGP keys. */
function isNoHome(error: unknown): boolean {
  return error instanceof ClientError && (error.code === 'unknown_home' || error.code === 'home_unreachable');
}

async function lookInDirectory({ deps, signal }: Context, address: Address): Promise<Certificate | undefined> {
  const allowPrivate = isLoopbackHome(homeOf(address));
  await using dialer = new UndiciDialer({ clock: deps.clock, resolver: new SystemResolver() }, { allowPrivate });
  return await findOrdinaryKey(dialer, address, signal);
}

/** Told apart from what a home logs: nobody watches over it. */
function sayOrdinary(context: Context, address: Address, { createdAt, expiresAt, fingerprint }: Certificate): void {
  const result = {
    address,
    fingerprint,
    source: 'wkd',
    logged: false,
    trust: 'none',
    since: isoTime(createdAt),
    ...(expiresAt === undefined ? {} : { expires: isoTime(expiresAt) }),
  };
  context.output.result(result, (paint) => {
    const row = (name: string, value: string): string => `${paint.dim(name.padEnd(13))}${value}`;
    return [
      row('Address', address),
      row('Fingerprint', showFingerprint(fingerprint)),
      row('Since', isoTime(createdAt)),
      ...(expiresAt === undefined ? [] : [row('Expires', isoTime(expiresAt))]),
      row('Source', `the web key directory of ${homeOf(address)}`),
      row('Trust', paint.bad('an ordinary OpenPGP key: no home logs it, and nothing is encrypted to it here')),
    ];
  });
}

async function verify(
  context: Context,
  options: PersonOptions,
  address: Address,
  words: readonly string[],
): Promise<void> {
  await withPerson(context, options, { isOnline: false }, async ({ client }) => {
    const known = (await client.people.find(address)) ?? (await lookUp(context, { client }, address));
    const fingerprint = words.length > 0 ? words.join('') : known.fingerprint;
    if (fingerprint === undefined) throw new CliError('not_found', `${address} has no key`, { fix: 'Ask its owner.' });
    if (words.length === 0)
      await context.questions.confirm(`Is ${showFingerprint(fingerprint)} what ${address} told you?`);
    say(context, await client.people.verify(address, fingerprint));
  });
}

async function lookUp(context: Context, { client }: Pick<Person, 'client'>, address: Address): Promise<KeyInfo> {
  await client.connect(context.signal);
  return client.people.lookUp(address);
}

async function rotate(context: Context, options: PersonOptions): Promise<void> {
  await withPerson(context, options, { isOnline: true }, async ({ client, profile }) => {
    await client.account.rotateCertificate();
    say(context, await client.people.lookUp(profile.address));
  });
}

async function exportKey(
  context: Context,
  options: PersonOptions & { secret?: boolean },
  address: Address | undefined,
): Promise<void> {
  await withPerson(context, options, { isOnline: false }, async ({ client, profile }) => {
    const isOwn = address === undefined || address === profile.address;
    if (options.secret === true && !isOwn)
      throw new CliError('usage', 'only your own secret key is here', { fix: 'Leave the address out.' });
    const armor = await (options.secret === true
      ? client.account.secretKey(await context.questions.secret(PASSPHRASE))
      : isOwn
        ? client.account.certificate()
        : client.people.certificate(address));
    context.output.result({ address: address ?? profile.address, armor }, () => armor.trimEnd());
  });
}

function say(context: Context, key: KeyInfo): void {
  const { address, fingerprint, source, logged, since, trust, version, alarm, isClosed } = key;
  context.output.result(
    {
      address,
      fingerprint: fingerprint ?? null,
      source,
      logged,
      trust,
      version,
      since: isoTime(since),
      ...(alarm === undefined ? {} : { alarm }),
    },
    (paint) => {
      const row = (name: string, value: string): string => `${paint.dim(name.padEnd(13))}${value}`;
      return [
        row('Address', address),
        row('Fingerprint', fingerprint === undefined ? paint.bad('none') : showFingerprint(fingerprint)),
        row('Since', isoTime(since)),
        row('Trust', TRUST[trust]),
        row(
          'Account',
          `version ${version}${isClosed ? ', closed' : ''}${logged ? ', logged by its home' : `, ${paint.bad('not logged by its home')}`}`,
        ),
        ...(alarm === undefined ? [] : [row('Alarm', paint.bad(alarm))]),
      ];
    },
  );
}

const TRUST: Readonly<Record<KeyInfo['trust'], string>> = Object.freeze({
  own: 'yours',
  verified: 'you compared it',
  first_use: 'as it was first seen; compare the fingerprint with its owner, then `restante key verify`',
});

async function listDevices(context: Context, options: PersonOptions): Promise<void> {
  const devices = await withPerson(context, options, { isOnline: true }, async ({ client, profile }) => {
    await client.people.lookUp(profile.address); // another device may have come
    return client.account.devices();
  });
  const now = context.deps.clock.now();
  context.output.table(devices, deviceFields, deviceColumns(now), 'No device is known.');
}

async function revoke(context: Context, options: PersonOptions, text: string): Promise<void> {
  const revoked = await withPerson(context, options, { isOnline: true }, async ({ client, profile }) => {
    await client.people.lookUp(profile.address);
    const matching = (await client.account.devices()).filter(({ id, isRevoked }) => id.startsWith(text) && !isRevoked);
    const [only, ...others] = matching;
    if (others.length > 0)
      throw new CliError('ambiguous', `several devices begin with ${text}`, { fix: 'Give more digits.' });
    const id = only?.id ?? parseDeviceId(text);
    await client.account.revokeDevice(id);
    return (await client.account.devices()).filter((device) => device.id === id);
  });
  context.output.table(revoked, deviceFields, deviceColumns(context.deps.clock.now()), '');
}

function deviceFields({ id, name, addedAt, isThis, isRevoked }: DeviceInfo): object {
  return { id, name, addedAt: isoTime(addedAt), this: isThis, revoked: isRevoked };
}

function deviceColumns(now: number) {
  return [
    { title: 'ID', cell: ({ id }: DeviceInfo) => id.slice(0, 12) },
    { title: 'NAME', cell: ({ name }: DeviceInfo) => name, flexible: 1 },
    { title: 'ADDED', cell: ({ addedAt }: DeviceInfo) => showTime(addedAt, now) },
    {
      title: 'STATE',
      cell: ({ isThis, isRevoked }: DeviceInfo) => (isRevoked ? 'revoked' : isThis ? 'this device' : 'active'),
    },
  ];
}

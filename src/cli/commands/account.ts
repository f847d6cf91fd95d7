/** `account …`: making an account, joining a device to one, passwords, recovery, its end; and the operator's side of it. */
import { mkdir, readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createAccount, type DeviceProfile, joinAccount, recoverAccount, type SetupDeps } from '../../client/index.ts';
import { type Address, defaultNodeUrl } from '../../protocol/index.ts';
import type { Act, Context } from '../context.ts';
import { nodeUrlOf } from '../node-url.ts';
import { addressArgument, DEVICE, withExamples } from '../options.ts';
import { deviceName, openStore, setupDeps } from '../person.ts';
import { Profile, refuseExisting } from '../profile.ts';
import { folderForNew } from '../profile-choice.ts';
import { FIRST_PASSWORD, PASSWORD, RECOVERY_CODE } from '../terminal/questions.ts';

interface NewOptions {
  readonly profile?: string;
  readonly node?: string;
  readonly device?: string;
  readonly invite?: string;
}

export function addAccountSetup(account: Command, act: Act): void {
  const on = (name: string, description: string): Command =>
    account
      .command(name)
      .helpGroup(DEVICE)
      .description(description)
      .argument('<address>', 'like alice@home.example', addressArgument)
      .option('--node <url>', 'where the home is reached (default: by its name)')
      .option('--device <name>', 'what this device is called (default: the name of the computer)')
      .option('--profile <dir>', "the person's folder (default: one for each address in the platform's data folder)");
  withExamples(
    on('new', 'Make an account and its keys, and print its recovery code.')
      .option('--invite <code>', 'an invitation, where the home asks for one')
      .action(act(create)),
    'restante account new alice@home.example --invite abcde-fghjk-mnpqr-stuvw',
  );
  withExamples(
    on('add', 'Join this device to an account: address and password are enough.').action(act(add)),
    'restante account add alice@home.example',
  );
  withExamples(
    on('recover', 'Join this device by the recovery code, and set a new password.').action(act(recover)),
    'restante account recover alice@home.example',
    'printf \'%s\\n\' "$CODE" "$NEW_PASSWORD" | restante account recover alice@home.example --password-stdin',
  );
}

async function create(context: Context, options: NewOptions, address: Address): Promise<void> {
  const { output, questions, signal } = context;
  const made = await setUp(context, options, address, async (deps, where) => {
    const password = await questions.secret(FIRST_PASSWORD);
    const created = await createAccount(deps, { ...where, password, invite: options.invite ?? '' }, signal);
    return { ...created, password };
  });
  const { fingerprint, recoveryCode } = made;
  output.result({ address, fingerprint, recoveryCode }, (paint) => [
    `${paint.good('●')} ${paint.bold(address)} is yours.`,
    '',
    `  Key fingerprint  ${showFingerprint(fingerprint)}`,
    `  Recovery code    ${paint.bold(recoveryCode)}`,
    '',
    '  Write the recovery code down and keep it away from this device: it opens the account when the password',
    '  is lost, and nobody can show it again.',
  ]);
}

async function add(context: Context, options: NewOptions, address: Address): Promise<void> {
  const { output, questions, signal } = context;
  const { fingerprint } = await setUp(context, options, address, async (deps, where) => {
    const password = await questions.secret(PASSWORD);
    return { ...(await joinAccount(deps, { ...where, password }, signal)), password };
  });
  output.result({ address, fingerprint }, (paint) => joined(paint.good('●'), address, fingerprint));
}

async function recover(context: Context, options: NewOptions, address: Address): Promise<void> {
  const { output, questions, signal } = context;
  const { fingerprint } = await setUp(context, options, address, async (deps, where) => {
    const recoveryCode = await questions.secret(RECOVERY_CODE);
    const password = await questions.newPassword();
    const enrolled = await recoverAccount(deps, { ...where, recoveryCode, newPassword: password }, signal);
    return { ...enrolled, password };
  });
  output.result({ address, fingerprint }, (paint) => joined(paint.good('●'), address, fingerprint));
}

function joined(mark: string, address: Address, fingerprint: string): string[] {
  return [
    `${mark} This device belongs to ${address}.`,
    '',
    `  Key fingerprint  ${showFingerprint(fingerprint)}`,
    '  `restante sync` fetches the mail.',
  ];
}

/** The profile's folder with its store, while an account is made or joined; without a profile in the end, it goes again. */
async function setUp<Enrolled extends { readonly profile: DeviceProfile; readonly password: string }>(
  context: Context,
  options: NewOptions,
  address: Address,
  enrol: (deps: SetupDeps, where: { address: Address; nodeUrl: string; deviceName: string }) => Promise<Enrolled>,
): Promise<Enrolled> {
  const folder = folderForNew(context.platform, address, options);
  const nodeUrl = options.node === undefined ? defaultNodeUrl(address) : nodeUrlOf(options.node);
  await refuseExisting(folder);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    await using store = await openStore(context, join(folder, 'store'));
    const where = { address, nodeUrl, deviceName: deviceName(options.device) };
    const enrolled = await enrol(setupDeps(context, store, nodeUrl), where);
    await Profile.create(context.deps, { folder, nodeUrl, password: enrolled.password, device: enrolled.profile });
    return enrolled;
  } catch (error) {
    await rm(join(folder, 'store'), { recursive: true, force: true });
    if ((await readdir(folder)).length === 0) await rmdir(folder);
    throw error;
  }
}

/** In groups of four, as people compare it. */
export function showFingerprint(fingerprint: string): string {
  return fingerprint.toUpperCase().replace(/(.{4})(?=.)/g, '$1 ');
}

/** `unlock` and `lock`: whether the system's keyring opens a profile, or the password does. */
import type { Command } from 'commander';
import { toHex } from '../../base/index.ts';
import type { Act, Context } from '../context.ts';
import { openKeyring, openKeyringNamed } from '../keyring.ts';
import { DEVICE, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { chooseProfile } from '../profile-choice.ts';
import { PASSWORD } from '../terminal/questions.ts';

export function addUnlock(program: Command, act: Act): void {
  const unlock = program
    .command('unlock')
    .description("Put the profile's key into the system's keyring: nothing asks then.");
  withExamples(forPerson(unlock, DEVICE).action(act(runUnlock)), 'restante unlock');
  const lock = program.command('lock').description('Take it out again: the password is asked for.');
  withExamples(forPerson(lock, DEVICE).action(act(runLock)), 'restante lock');
}

async function runUnlock(context: Context, options: PersonOptions): Promise<void> {
  const profile = await chooseProfile(context.platform, options);
  const keyring = await openKeyring(context.platform);
  const key = await profile.unseal(context.deps, await context.questions.secret(PASSWORD));
  await keyring.save(profile.address, toHex(key));
  await profile.saveKeyring(keyring.name);
  context.output.result({ locked: false }, () => `${profile.address} is unlocked (${keyring.name}).`);
}

async function runLock(context: Context, options: PersonOptions): Promise<void> {
  const profile = await chooseProfile(context.platform, options);
  if (profile.keyring !== undefined) {
    const keyring = await openKeyringNamed(context.platform, profile.keyring);
    await keyring.forget(profile.address);
    await profile.saveKeyring(undefined);
  }
  context.output.result({ locked: true }, () => `${profile.address} is locked.`);
}

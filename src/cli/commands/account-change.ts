/** `account password|keep|delete`: what a person changes of their own account. */
import type { Command } from 'commander';
import type { Act, Context } from '../context.ts';
import { openKeyringNamed } from '../keyring.ts';
import { countOption, DEVICE, forPerson, type PersonOptions, withExamples } from '../options.ts';
import { withPerson } from '../person.ts';
import { NEXT_PASSWORD, PASSWORD } from '../terminal/questions.ts';
import { showRetention } from './account-list.ts';

export function addAccountChange(account: Command, act: Act): void {
  const on = (name: string, description: string): Command =>
    forPerson(account.command(name).description(description), DEVICE);
  withExamples(
    on('password', 'Change the password. With --password-stdin: the old one, then the new one, a line each.').action(
      act(changePassword),
    ),
    'restante account password',
  );
  withExamples(
    on('keep', 'Choose how long the home keeps the bodies of your mail; it tells your devices what expired.')
      .argument('<days>', '0 keeps them for ever', countOption)
      .action(act(keep)),
    'restante account keep 365',
  );
  withExamples(
    on('delete', 'End your account at the home, and remove it from this device.')
      .option('--yes', 'do not ask')
      .action(act(deleteAccount)),
    'restante account delete',
  );
}

async function changePassword(context: Context, options: PersonOptions): Promise<void> {
  const { deps, questions } = context;
  await withPerson(context, options, { isOnline: true }, async ({ client, profile, profileKey }) => {
    // From the keyring the old one was not asked for; who sits here must know it all the same.
    if (profile.keyring !== undefined && !questions.hasPassword)
      await profile.unseal(deps, await questions.secret(PASSWORD));
    const password = await questions.secret(NEXT_PASSWORD);
    await client.account.changePassword(password);
    await profile.savePassword(deps, profileKey, password);
    context.output.result(
      { address: profile.address },
      () => `${profile.address} has a new password, here and for new devices.`,
    );
  });
}

async function keep(context: Context, options: PersonOptions, retentionDays: number): Promise<void> {
  await withPerson(context, options, { isOnline: true }, async ({ client, profile: { address } }) => {
    await client.account.setRetention(retentionDays);
    context.output.result(
      { address, retentionDays },
      () => `${address}: mail is kept ${showRetention(retentionDays)}.`,
    );
  });
}

async function deleteAccount(context: Context, options: PersonOptions & { yes?: boolean }): Promise<void> {
  const which = { isOnline: true, isAlone: true } as const;
  const { keyring, profile } = await withPerson(context, options, which, async ({ client, profile }) => {
    // Before anything ends: a key that is left behind no command could take away later.
    const { keyring: name } = profile;
    const keyring = name === undefined ? undefined : await openKeyringNamed(context.platform, name);
    if (options.yes !== true)
      await context.questions.confirm(`End ${profile.address} and delete its mail, here and at the home, for ever?`);
    await client.account.close();
    return { keyring, profile };
  });
  await keyring?.forget(profile.address);
  await profile.remove();
  context.output.result({ address: profile.address }, () => `${profile.address} is gone, here and at the home.`);
}

/** An account of another mail server at a hub as people run it: added on the command line, shown in the JMAP session. */
import { describe, expect, test } from 'vitest';
import { CHECK_INTERVAL_MS } from '../../src/hub/control/limits.ts';
import { Dovecot, PASSWORD as MAIL_PASSWORD, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { PASSWORD, restante } from '../harness/home-process.ts';
import { HubHome } from '../harness/hub-home.ts';
import { RoundClock } from '../harness/round-clock.ts';

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('mail accounts at a hub'))('an account of another mail server', () => {
  test('is added with what is wrong said in words, shown with its mail, and removed', async () => {
    await using dovecot = await Dovecot.open();
    const clock = new RoundClock();
    await using setting = await HubHome.open({ clock });
    const alice = await setting.person('alice');
    const account = (password: string, ...args: string[]) => {
      const where = ['--address', alice, '--hub', setting.hub.control.url];
      const secrets = { ...PASSWORD, RESTANTE_MAIL_PASSWORD: password };
      return restante(['--json', 'mail', 'account', ...args, ...where], secrets);
    };
    const server = ['--imap', `127.0.0.1:${dovecot.imapPort}`, '--no-smtp', '--login', 'alice'];
    const add = ['add', 'imap', 'alice@mail.example', ...server];
    const refused = await account('wrong', ...add, '--security', 'none');
    expect(refused.code).toBe(1);
    expect(refused.stdout + refused.stderr).toContain('does not take this password for alice');
    const noTls = await account(MAIL_PASSWORD, ...add);
    expect(noTls.stdout + noTls.stderr).toContain('does not speak TLS');
    expect(await account(MAIL_PASSWORD, ...add, '--security', 'none')).toMatchObject({ code: 0 });
    using program = await setting.session(alice);
    const status = await account(MAIL_PASSWORD, 'status');
    expect(JSON.parse(status.stdout)).toMatchObject({ address: 'alice@mail.example' });
    expect(status.stdout).not.toContain(MAIL_PASSWORD);
    const { id } = JSON.parse(status.stdout) as { readonly id: string };
    await program.until(async () => {
      const [mailboxes] = await program.call(['Mailbox/get', { accountId: id, ids: null }]);
      return JSON.stringify(mailboxes).includes('"role":"inbox"');
    });
    // How far behind it is, for whoever watches the host: said when the user server is asked whether it lives.
    await clock.round(CHECK_INTERVAL_MS);
    const lags = (await setting.hub.control.operator.status()).users.flatMap((user) => user.lags);
    expect(lags).toEqual([{ account: 'alice@mail.example', lagMs: expect.any(Number) }]);
    expect(await account(MAIL_PASSWORD, 'remove', 'alice@mail.example')).toMatchObject({ code: 0 });
    expect((await account(MAIL_PASSWORD, 'status')).stdout.trim()).toBe('');
  });
});

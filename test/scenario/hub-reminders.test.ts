/** What a user server asks to be woken for, while nobody is connected. */
import { describe, expect, test } from 'vitest';
import { LATER_MS } from '../../src/hub/user-server/limits.ts';
import { openUserSetting, type UserSetting } from '../harness/user-setting.ts';

async function submit({ laptop, user }: UserSetting, parameters: object): Promise<string> {
  const from = { email: laptop.address };
  const draft = { mailboxIds: { drafts: true }, from: [from], to: [from], subject: 'x' };
  const [identities] = await user.call(['Identity/get', { ids: null }]);
  const [identity] = (identities as { list: { id: string }[] }).list;
  const envelope = { mailFrom: { ...from, parameters }, rcptTo: [{ ...from, parameters: null }] };
  const create = { sent: { emailId: '#draft', identityId: identity?.id, envelope } };
  const [, made] = await user.call(['Email/set', { create: { draft } }], ['EmailSubmission/set', { create }]);
  return (made as { created: { sent: { id: string } } }).created.sent.id;
}

describe('a user server asks to be woken', () => {
  test('when mail comes that somebody subscribed to or that is answered by itself, and no longer than that', async () => {
    await using setting = await openUserSetting();
    const { user } = setting;
    const subscription = { deviceClientId: 'phone', url: 'https://push.example/1', types: null };
    const [made] = await user.call(['PushSubscription/set', { create: { phone: subscription } }]);
    const { id } = (made as { created: { phone: { id: string } } }).created.phone;
    await user.untilHolds(() => user.pushed.requests.length > 0);
    // Nobody has proven yet that the endpoint wants to hear.
    expect(user.reminders.get('mail')).toBeUndefined();
    const { verificationCode } = JSON.parse(Buffer.from(user.pushed.requests[0]?.body ?? []).toString());
    await user.call(['PushSubscription/set', { update: { [id]: { verificationCode } } }]);
    await user.untilHolds(() => user.reminders.get('mail')?.onMail === true);
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: true } } }]);
    await user.call(['PushSubscription/set', { destroy: [id] }]);
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: false } } }]);
    await user.untilHolds(() => user.reminders.get('mail')?.onMail === false);
  });

  test('again where another process has relieved the control server: what that was told last may be lost', async () => {
    await using setting = await openUserSetting();
    const { user } = setting;
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: true } } }]);
    await user.untilHolds(() => user.reminders.get('mail')?.onMail === true);
    user.reminders.clear();
    user.server.remindAgain();
    await user.untilHolds(() => user.reminders.get('mail')?.onMail === true && user.reminders.get('time')?.at === null);
  });

  test('when a message is due, and again while its home is away', async () => {
    await using setting = await openUserSetting();
    const { user, world } = setting;
    const { clock } = world.node;
    await user.untilHolds(() => user.server.status.mail?.connection === 'connected');
    const dueAt = clock.now() + 60_000;
    const id = await submit(setting, { HOLDFOR: '60' });
    await user.untilHolds(() => (user.reminders.get('time')?.at ?? 0) > 0);
    // A pending draft goes to the home first; then only the message is waited for.
    await user.untilHolds(() => Math.abs((user.reminders.get('time')?.at ?? 0) - dueAt) < 10_000);
    world.isCut = true;
    world.cutAll();
    await user.untilHolds(() => clock.now() > dueAt);
    user.server.wake();
    await user.untilHolds(() => {
      const at = user.reminders.get('time')?.at ?? 0;
      return at > clock.now() && at <= clock.now() + LATER_MS;
    });
    world.isCut = false;
    await user.untilHolds(() => user.reminders.get('time')?.at === null);
    const [answer] = await user.call(['EmailSubmission/get', { ids: [id] }]);
    expect(answer?.list).toMatchObject([{ undoStatus: 'final' }]);
  });

  test('for an automatic reply from the day on that its owner is away', async () => {
    await using setting = await openUserSetting();
    const { user, world } = setting;
    const { clock } = world.node;
    const fromDate = new Date(clock.now() + 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: true, fromDate } } }]);
    await user.untilHolds(() => user.reminders.get('time')?.at === Date.parse(fromDate));
    expect(user.reminders.get('mail')?.onMail ?? false).toBe(false);
    await user.untilHolds(() => clock.now() > Date.parse(fromDate));
    user.server.wake();
    await user.untilHolds(() => user.reminders.get('mail')?.onMail === true);
  });
});

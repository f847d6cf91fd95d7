/** What a user server asks to be woken for, while nobody is connected. */
import { describe, expect, test } from 'vitest';
import { LATER_MS } from '../../src/hub/user-server/limits.ts';
import { ClientWorld, never } from '../harness/client-world.ts';
import { UserWorld } from '../harness/user-world.ts';

async function setup() {
  const world = await ClientWorld.open();
  const alice = await world.newPerson('alice');
  await alice.client.connect(never);
  const hub = await world.newDevice(alice.created.profile);
  await hub.client[Symbol.asyncDispose]();
  const user = await UserWorld.open(world, hub.profile);
  const untilAsked = (holds: () => boolean): Promise<unknown> => user.untilAnswer(['Core/echo', {}], holds);
  return {
    world,
    user,
    clock: world.node.clock,
    laptop: alice.client,
    untilAsked,
    async [Symbol.asyncDispose]() {
      await user[Symbol.asyncDispose]();
      await alice.client[Symbol.asyncDispose]();
      await world[Symbol.asyncDispose]();
    },
  };
}

async function submit({ laptop, user }: Awaited<ReturnType<typeof setup>>, parameters: object): Promise<string> {
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
    await using setting = await setup();
    const { untilAsked, user } = setting;
    const subscription = { deviceClientId: 'phone', url: 'https://push.example/1', types: null };
    const [made] = await user.call(['PushSubscription/set', { create: { phone: subscription } }]);
    const { id } = (made as { created: { phone: { id: string } } }).created.phone;
    await untilAsked(() => user.pushed.requests.length > 0);
    // Nobody has proven yet that the endpoint wants to hear.
    expect(user.reminders.get('mail')).toBeUndefined();
    const { verificationCode } = JSON.parse(Buffer.from(user.pushed.requests[0]?.body ?? []).toString());
    await user.call(['PushSubscription/set', { update: { [id]: { verificationCode } } }]);
    await untilAsked(() => user.reminders.get('mail')?.onMail === true);
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: true } } }]);
    await user.call(['PushSubscription/set', { destroy: [id] }]);
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: false } } }]);
    await untilAsked(() => user.reminders.get('mail')?.onMail === false);
  });

  test('when a message is due, and again while its home is away', async () => {
    await using setting = await setup();
    const { clock, untilAsked, user, world } = setting;
    await untilAsked(() => user.server.status.mail?.connection === 'connected');
    const dueAt = clock.now() + 60_000;
    const id = await submit(setting, { HOLDFOR: '60' });
    await untilAsked(() => (user.reminders.get('time')?.at ?? 0) > 0);
    // A pending draft goes to the home first; then only the message is waited for.
    await untilAsked(() => Math.abs((user.reminders.get('time')?.at ?? 0) - dueAt) < 10_000);
    world.isCut = true;
    world.cutAll();
    await untilAsked(() => clock.now() > dueAt);
    user.server.wake();
    await untilAsked(() => {
      const at = user.reminders.get('time')?.at ?? 0;
      return at > clock.now() && at <= clock.now() + LATER_MS;
    });
    world.isCut = false;
    await untilAsked(() => user.reminders.get('time')?.at === null);
    const [answer] = await user.call(['EmailSubmission/get', { ids: [id] }]);
    expect(answer?.list).toMatchObject([{ undoStatus: 'final' }]);
  });

  test('for an automatic reply from the day on that its owner is away', async () => {
    await using setting = await setup();
    const { clock, untilAsked, user } = setting;
    const fromDate = new Date(clock.now() + 60_000).toISOString().replace(/\.\d+Z$/, 'Z');
    await user.call(['VacationResponse/set', { update: { singleton: { isEnabled: true, fromDate } } }]);
    await untilAsked(() => user.reminders.get('time')?.at === Date.parse(fromDate));
    expect(user.reminders.get('mail')?.onMail ?? false).toBe(false);
    await untilAsked(() => clock.now() > Date.parse(fromDate));
    user.server.wake();
    await untilAsked(() => user.reminders.get('mail')?.onMail === true);
  });
});

/** What a JMAP program does in an encrypted account is what the person's other devices, and whom they write to, see of it. */
import { describe, expect, test } from 'vitest';
import type { Summary } from '../../src/client/index.ts';
import { all, never } from '../harness/client-world.ts';
import { openOutbound, relayTo } from '../harness/letter-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { letWorkGoOn, until } from '../harness/until.ts';
import { openUserSetting } from '../harness/user-setting.ts';

interface Status {
  readonly delivered: string;
  readonly smtpReply: string;
}

type Created = Readonly<Record<string, { readonly id: string; readonly threadId?: string }>>;

/** What a `/set` says it has made. */
function madeBy(answer: Readonly<Record<string, unknown>> | undefined): Created {
  return answer?.created as Created;
}

const draft = (more: object): object => ({
  mailboxIds: { drafts: true },
  subject: 'a draft',
  bodyValues: { text: { value: 'words' } },
  textBody: [{ partId: 'text', type: 'text/plain' }],
  ...more,
});

describe('an encrypted account', () => {
  test('does not see again what was destroyed while it was on its way to the home', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    for (const isSettled of [false, true]) {
      const [made] = await user.call(['Email/set', { create: { a: draft({}), b: draft({ subject: 'kept' }) } }]);
      const { a, b } = madeBy(made);
      if (isSettled) await user.untilSettled(); // the message is made, and has not come back yet
      const update = { [String(b?.id)]: { 'keywords/$flagged': true, mailboxIds: { archive: true } } };
      await user.call(['Email/set', { destroy: [a?.id], update }]);
      await user.untilSettled();
      await user.untilHeard(laptop, (messages) => messages.some(({ keywords }) => keywords.includes('flagged')));
      const shown = await user.untilEmails((emails) => emails.length === 1, ['subject', 'keywords', 'mailboxIds']);
      expect(shown).toMatchObject([{ subject: 'kept', keywords: { $flagged: true }, mailboxIds: { archive: true } }]);
      await user.call(['Email/set', { destroy: [b?.id] }]);
      await user.untilHeard(laptop, (messages) => messages.length === 0);
      expect(await user.emails(['id'])).toEqual([]);
    }
  });

  test('keeps the role that was given to a mailbox', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    const [made] = await user.call(['Mailbox/set', { create: { a: { name: 'Weighty', role: 'important' } } }]);
    const id = madeBy(made).a?.id;
    await user.untilSettled();
    const isHeard = async () => (await laptop.folders.list()).some(({ name }) => name === 'Weighty');
    for (let turn = 0; turn < 100 && !(await isHeard()); turn++) {
      await world.node.clock.advance(500);
      await laptop.sync({ signal: never });
    }
    const [got] = await user.call(['Mailbox/get', { ids: [id], properties: ['role'] }]);
    expect(got?.list).toEqual([{ id, role: 'important' }]);
    expect(await laptop.folders.list()).toContainEqual(expect.objectContaining({ name: 'Weighty', role: 'important' }));
  });

  test('shows a mailbox as it was last changed here, whatever was said of it before', async () => {
    await using setting = await openUserSetting();
    const { user } = setting;
    const seen: string[] = [];
    const [made] = await user.call(['Mailbox/set', { create: { a: { name: 'one' } } }]);
    const id = String(madeBy(made).a?.id);
    user.server.store.on('changed', () => {
      const name = user.server.store.account('encrypted')?.mailbox(id)?.name ?? 'gone';
      if (seen.at(-1) !== name) seen.push(name);
    });
    await user.call(['Mailbox/set', { update: { [id]: { name: 'two' } } }]);
    await user.call(['Email/set', { create: { a: draft({ mailboxIds: { [id]: true } }) } }]);
    await user.untilSettled();
    await user.call(['Mailbox/set', { destroy: [id], onDestroyRemoveEmails: true }]);
    await user.untilSettled();
    await user.untilHeard(setting.laptop, (messages) => messages.length === 0);
    expect(seen).toEqual(['two', 'gone']);
    expect(await user.emails(['id'])).toEqual([]);
  });

  test('sends to people without a home in the clear, says so, and tells what their server answered', async () => {
    await using sink = await SmtpSink.open();
    // Before the agent connects: it is told then what the home does.
    await using setting = await openUserSetting('disk', { abroad: NO_OTHER_HOMES }, async ({ node }) => {
      await openOutbound(node, { relay: relayTo(sink.settings.port) });
    });
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    const [identities] = await user.call(['Identity/get', { ids: null }]);
    const [identity] = (identities as { list: { id: string }[] }).list;
    const to = [{ email: 'Carol@Elsewhere.example' }, { email: bob.address }];
    const mail = draft({ from: [{ email: laptop.address }], to, subject: 'to all' });
    await user.call(
      ['Email/set', { create: { mail } }],
      ['EmailSubmission/set', { create: { sent: { emailId: '#mail', identityId: identity?.id } } }],
    );
    const replies = new Map<string, Set<string>>();
    const carol = () => [...(replies.get('Carol@Elsewhere.example') ?? [])];
    // The connection to the sink is a real one: a clock that leaps would let it time out.
    const STEP_MS = 20;
    const untilCarols = async (words: string): Promise<void> => {
      for (let turn = 0; turn < 2_500 && !carol().some((reply) => reply.includes(words)); turn++) {
        const [answer] = await user.call(['EmailSubmission/get', { ids: null }]);
        const [first] = (answer as { list: { deliveryStatus: Record<string, Status> | null }[] }).list;
        for (const [email, { delivered, smtpReply }] of Object.entries(first?.deliveryStatus ?? {}))
          replies.set(email, (replies.get(email) ?? new Set()).add(`${delivered} ${smtpReply}`));
        await letWorkGoOn();
        await world.node.clock.advance(STEP_MS);
      }
    };
    await untilCarols('queued 250 2.0.0 in the clear');
    await until(() => {
      void world.node.clock.advance(STEP_MS);
      return sink.taken.length === 1;
    });
    await untilCarols('unknown 250 ');
    expect(carol()).toContainEqual(expect.stringContaining('queued 250 2.0.0 in the clear'));
    expect(carol().at(-1)).toBe('unknown 250 OK: message queued');
    expect([...(replies.get(bob.address) ?? [])].at(-1)).toBe('queued 250 2.0.0 encrypted, and on its way');
    expect(sink.taken).toHaveLength(1);
  });

  test('answers within the conversation, and shows one thread', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await bob.connect(never);
    const { conversation } = await bob.send({ to: [laptop.address], subject: 'lunch', text: 'at noon?' });
    const [email] = await user.untilEmails((emails) => emails.length === 1, ['threadId', 'messageId']);
    const [identities] = await user.call(['Identity/get', { ids: null }]);
    const [identity] = (identities as { list: { id: string }[] }).list;
    const answer = draft({
      from: [{ email: laptop.address }],
      to: [{ email: bob.address }],
      subject: 'Re: lunch',
      inReplyTo: email?.messageId,
      references: email?.messageId,
    });
    const moved = { onSuccessUpdateEmail: { '#sent': { mailboxIds: { sent: true } } } };
    const [made] = await user.call(
      ['Email/set', { create: { answer } }],
      ['EmailSubmission/set', { create: { sent: { emailId: '#answer', identityId: identity?.id } }, ...moved }],
    );
    expect(madeBy(made).answer?.threadId).toBe(email?.threadId);
    await user.untilSettled();
    let heard: readonly Summary[] = [];
    await user.untilHeard(laptop, () => true);
    for (let turn = 0; turn < 100 && heard.length < 2; turn++) {
      await world.node.clock.advance(500);
      await bob.sync({ signal: never });
      heard = await all(bob.mail.list());
    }
    expect(heard.map((summary) => summary.conversation)).toEqual([conversation, conversation]);
    const shown = await user.emails(['threadId', 'mailboxIds']);
    expect(shown.map(({ threadId }) => threadId)).toEqual([email?.threadId, email?.threadId]);
  });
});

/** A person's encrypted mail through their user server: JMAP on one side, their other devices on the other. */
import { describe, expect, test } from 'vitest';
import { FLAGGED, foldersOf, READ, type Summary } from '../../src/client/index.ts';
import { all, never } from '../harness/client-world.ts';
import { letWorkGoOn } from '../harness/until.ts';
import { openUserSetting } from '../harness/user-setting.ts';
import { ACCOUNT } from '../harness/user-world.ts';

const SHOWN = ['id', 'subject', 'keywords', 'mailboxIds', 'preview'];

function isTaken(answer: Readonly<Record<string, unknown>>): boolean {
  const list = answer.list as readonly { readonly deliveryStatus: object | null }[];
  return list.every(({ deliveryStatus }) => deliveryStatus !== null);
}

describe('a user server', () => {
  test('shows mail as it arrives, in its mailbox, with its text', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    const bob = await world.newPerson('bob');
    await using b = bob.client;
    await b.connect(never);
    await b.send({ to: [laptop.address], subject: 'lunch', text: 'at noon?' });
    const [email] = await user.untilEmails((emails) => emails.length === 1, SHOWN);
    expect(email).toMatchObject({ subject: 'lunch', keywords: {}, mailboxIds: { inbox: true }, preview: 'at noon?' });
    await laptop.send({ to: [b.address], subject: 'yes', text: 'noon' });
    const [sent] = await user.untilEmails((emails) => emails.length === 2, SHOWN);
    expect(sent).toMatchObject({ subject: 'yes', keywords: { $seen: true }, mailboxIds: { sent: true } });
    const [mailboxes] = await user.call(['Mailbox/get', { ids: null }]);
    const counts = { role: 'inbox', totalEmails: 1, unreadEmails: 1 };
    expect(mailboxes?.list).toContainEqual(expect.objectContaining(counts));
    const [, body] = await user.call(
      ['Core/echo', {}],
      ['Email/get', { ids: [email?.id], properties: ['bodyValues', 'textBody'], fetchTextBodyValues: true }],
    );
    expect(JSON.stringify(body?.list)).toContain('at noon?');
  });

  test('and the person’s other devices agree on flags and folders, whichever changed them', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    const { id } = await laptop.send({ to: [laptop.address], subject: 'x', text: 'x' });
    const [email] = await user.untilEmails((emails) => emails.length === 1, SHOWN);
    const emailId = String(email?.id);
    const update = { 'keywords/$seen': true, 'keywords/$flagged': true, mailboxIds: { archive: true } };
    await user.call(['Email/set', { update: { [emailId]: update } }]);
    expect((await user.emails(SHOWN))[0]).toMatchObject({ mailboxIds: { archive: true } });
    const [message] = await user.untilHeard(laptop, ([first]) => first?.keywords.includes(READ) === true);
    expect(message?.keywords).toEqual(expect.arrayContaining([READ, FLAGGED]));
    expect(message && foldersOf(message, laptop.address)).toEqual(['archive']);
    await laptop.mail.mark([id], { [FLAGGED]: false, 'label:work': true });
    const [relabelled] = await user.untilEmails(
      ([first]) => Object.keys((first?.mailboxIds as object) ?? {}).length === 2,
      SHOWN,
    );
    expect(relabelled?.keywords).toEqual({ $seen: true });
    const [mailboxes] = await user.call(['Mailbox/get', { ids: null }]);
    expect(mailboxes?.list).toContainEqual(expect.objectContaining({ name: 'work' }));
  });

  test('creates, renames and removes mailboxes on all devices', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    const [created] = await user.call(['Mailbox/set', { create: { a: { name: 'Projects' } } }]);
    const mailboxId = String((created as { created: { a: { id: string } } }).created.a.id);
    await laptop.send({ to: [laptop.address], subject: 'x', text: 'x' });
    const [email] = await user.untilEmails((emails) => emails.length === 1, SHOWN);
    await user.call(['Email/set', { update: { [String(email?.id)]: { [`mailboxIds/${mailboxId}`]: true } } }]);
    await user.call(['Mailbox/set', { update: { [mailboxId]: { name: 'Plans' } } }]);
    await user.untilHeard(laptop, ([first]) => first?.keywords.includes('label:Projects') === true);
    expect(await laptop.folders.list()).toContainEqual(
      expect.objectContaining({ id: 'label:Projects', name: 'Plans' }),
    );
    await user.call(['Mailbox/set', { destroy: [mailboxId], onDestroyRemoveEmails: true }]);
    const [kept] = await user.untilHeard(laptop, ([first]) => first?.keywords.includes('label:Projects') === false);
    expect(kept && foldersOf(kept, laptop.address)).toEqual(['inbox']);
    expect((await laptop.folders.list()).map(({ id }) => id)).not.toContain('label:Projects');
  });

  test('deletes for good, here and at the home, and hears when another device did', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    for (const subject of ['one', 'two']) await laptop.send({ to: [laptop.address], subject, text: subject });
    const emails = await user.untilEmails((found) => found.length === 2, SHOWN);
    const one = emails.find(({ subject }) => subject === 'one');
    await user.call(['Email/set', { destroy: [one?.id] }]);
    const left = await user.untilHeard(laptop, (messages) => messages.length === 1);
    expect(left.map(({ subject }) => subject)).toEqual(['two']);
    await laptop.mail.delete(left.map(({ id }) => id));
    await user.untilEmails((found) => found.length === 0, SHOWN);
    const [changes] = await user.call(['Email/get', { ids: [one?.id] }]);
    expect(changes?.notFound).toEqual([one?.id]);
  });

  for (const cache of ['disk', 'memory'] as const)
    test(`loses no pending change when it is killed before the home heard of it (${cache})`, async () => {
      await using setting = await openUserSetting(cache);
      const { laptop, user, world } = setting;
      await laptop.send({ to: [laptop.address], subject: 'x', text: 'x' });
      const [email] = await user.untilEmails((emails) => emails.length === 1, SHOWN);
      const emailId = String(email?.id);
      world.isCut = true;
      world.cutAll();
      user.crashAgent('gone'); // nobody plays anything back
      await user.call([
        'Email/set',
        { update: { [emailId]: { 'keywords/$flagged': true, mailboxIds: { trash: true } } } },
      ]);
      await user.kill();
      await user.start();
      expect(user.server.status.pendingChanges).toBeGreaterThan(0);
      world.isCut = false;
      await user.untilSettled();
      const [after] = await user.untilEmails(([first]) => first?.subject === 'x', SHOWN);
      expect(after).toMatchObject({ id: emailId, keywords: { $flagged: true }, mailboxIds: { trash: true } });
      await laptop.connect(never);
      const [message] = await user.untilHeard(laptop, ([first]) => first?.keywords.includes(FLAGGED) === true);
      expect(message && foldersOf(message, laptop.address)).toEqual(['trash']);
    });

  test('starts an agent again that died, and misses nothing meanwhile', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    await user.untilEmails(() => user.server.status.mailAgent.state === 'running', SHOWN);
    user.crashAgent('a test');
    await laptop.send({ to: [laptop.address], subject: 'meanwhile', text: 'x' });
    await user.untilEmails(([first]) => first?.subject === 'meanwhile', SHOWN);
    expect(user.starts).toBe(2);
    expect(user.server.status.mailAgent).toEqual({ state: 'running', restarts: 1 });
  });

  test('says what is complete, and pushes it when that changes', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    const told: string[] = [];
    user.server.store.on('changed', ({ changed }) => {
      const state = changed.get('Completeness');
      if (state !== undefined) told.push(state);
    });
    await laptop.send({ to: [laptop.address], subject: 'x', text: 'x' });
    await user.untilEmails((emails) => emails.length === 1, SHOWN);
    const before = told.length;
    await laptop.send({ to: [laptop.address], subject: 'y', text: 'y' });
    const answer = await user.untilAnswer(['Completeness/get', { ids: null }], ({ list }) =>
      JSON.stringify(list).includes('up to 2'),
    );
    expect(told.length).toBeGreaterThan(before);
    expect(answer.state).toBe(told.at(-1));
    expect(answer.list).toEqual([
      expect.objectContaining({
        id: 'singleton',
        isComplete: true,
        sentence: 'complete up to 2 on 1 of 1 node',
        feeds: [expect.objectContaining({ upTo: 2, held: 2, missing: [], expired: [] })],
      }),
    ]);
    const [changes] = await user.call(['Completeness/changes', { sinceState: answer.state }]);
    expect(changes).toMatchObject({ created: [], updated: [], destroyed: [] });
  });

  test('asks for a node at once when it is woken', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await user.untilEmails(() => user.server.status.mail?.connection === 'connected', SHOWN);
    world.isCut = true;
    world.cutAll();
    // It has failed a few times and waits longer and longer.
    for (let second = 0; second < 60; second++) {
      await world.node.clock.advance(1_000);
      await letWorkGoOn();
    }
    world.isCut = false;
    await laptop.connect(never);
    await laptop.send({ to: [laptop.address], subject: 'woken', text: 'x' });
    expect(await user.emails(SHOWN)).toEqual([]);
    user.server.wake();
    const wokenAt = world.node.clock.monotonic();
    await user.untilEmails((emails) => emails.length === 1, SHOWN);
    // Long before it would have looked by itself.
    expect(world.node.clock.monotonic() - wokenAt).toBeLessThan(20_000);
  });

  test('sends what is submitted, encrypted to each who can be written to, and says who cannot', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await using carol = (await world.newPerson('carol')).client;
    const ghost = world.node.address('ghost');
    const message = {
      mailboxIds: { drafts: true },
      from: [{ email: laptop.address }],
      to: [{ email: bob.address }, { email: ghost }],
      bcc: [{ email: carol.address }],
      subject: 'boat',
      bodyValues: { text: { value: 'It floats.' } },
      textBody: [{ partId: 'text', type: 'text/plain' }],
    };
    const [identities] = await user.call(['Identity/get', { ids: null }]);
    const [identity] = (identities as { list: { id: string }[] }).list;
    const submission = { emailId: '#draft', identityId: identity?.id };
    await user.call(
      ['Email/set', { create: { draft: message } }],
      ['EmailSubmission/set', { create: { sent: submission } }],
    );
    const outcome = async (): Promise<object | undefined> => {
      const [answer] = await user.call(['EmailSubmission/get', { ids: null }]);
      const [first] = (answer as { list: { undoStatus: string; deliveryStatus: object }[] }).list;
      return first?.undoStatus === 'final' ? first.deliveryStatus : undefined;
    };
    const isSaid = (said: object | undefined): boolean => JSON.stringify(said ?? {}).includes('550 5.1.1');
    let said = await outcome();
    for (let turn = 0; turn < 200 && !isSaid(said); turn++) {
      await letWorkGoOn();
      await world.node.clock.advance(500);
      said = await outcome();
    }
    expect(said).toMatchObject({
      [bob.address]: { smtpReply: expect.stringMatching(/^250 /), delivered: 'queued' },
      [carol.address]: { smtpReply: expect.stringMatching(/^250 /), delivered: 'queued' },
      [ghost]: { smtpReply: expect.stringMatching(/^550 5\.1\.1 /), delivered: 'no' },
    });
    for (const reader of [bob, carol]) {
      await reader.sync({ signal: never });
      const [mail, ...others] = await all(reader.mail.list());
      expect(others).toEqual([]);
      expect(mail).toMatchObject({ subject: 'boat', to: [bob.address, ghost] });
      const { mime } = await reader.mail.raw((mail as Summary).id);
      expect(Buffer.from(mime).toString()).not.toContain(carol.address);
    }
  });

  for (const cache of ['disk', 'memory'] as const)
    test(`loses nothing that it said was sent, and sends it once, when it is killed before the home had it (${cache})`, async () => {
      await using setting = await openUserSetting(cache);
      const { laptop, user, world } = setting;
      await using bob = (await world.newPerson('bob')).client;
      await bob.connect(never);
      await laptop.send({ to: [bob.address], subject: 'before', text: 'x' });
      await user.untilEmails((emails) => emails.length === 1, SHOWN);
      const from = { email: laptop.address };
      const draft = { mailboxIds: { drafts: true }, from: [from], to: [{ email: bob.address }], subject: 'kept' };
      const [identities] = await user.call(['Identity/get', { ids: null }]);
      const [identity] = (identities as { list: { id: string }[] }).list;
      const submission = { emailId: '#draft', identityId: identity?.id };
      // Bob's certificate is known from now on; what follows needs no node.
      await user.call(['Email/set', { create: { draft } }], ['EmailSubmission/set', { create: { first: submission } }]);
      await user.untilAnswer(['EmailSubmission/get', { ids: null }], isTaken);
      await user.untilSettled();
      world.isCut = true;
      world.cutAll();
      const last = { ...draft, subject: 'last' };
      await user.call(
        ['Email/set', { create: { draft: last } }],
        ['EmailSubmission/set', { create: { it: submission } }],
      );
      await user.untilAnswer(['EmailSubmission/get', { ids: null }], isTaken);
      await user.kill();
      await user.start();
      world.isCut = false;
      await user.untilSettled();
      const heard = await user.untilHeard(bob, (messages) => messages.length >= 3);
      expect(heard.map(({ subject }) => subject).sort()).toEqual(['before', 'kept', 'last']);
      const drafts = await user.untilEmails((emails) => emails.length >= 2, ['subject'], { inMailbox: 'drafts' });
      expect(drafts.map(({ subject }) => subject).sort()).toEqual(['kept', 'last']);
    });

  test('goes on with the states it had, after a restart', async () => {
    await using setting = await openUserSetting();
    const { laptop, user } = setting;
    await laptop.send({ to: [laptop.address], subject: 'before', text: 'x' });
    await user.untilEmails((emails) => emails.length === 1, SHOWN);
    const [before] = await user.call(['Email/get', { ids: [] }]);
    await user.kill();
    await laptop.send({ to: [laptop.address], subject: 'after', text: 'x' });
    await user.start();
    await user.untilEmails((emails) => emails.length === 2, SHOWN);
    const [changes] = await user.call(['Email/changes', { accountId: ACCOUNT, sinceState: before?.state }]);
    expect(changes).toMatchObject({ updated: [], destroyed: [] });
    expect(changes?.created).toHaveLength(1);
  });
});

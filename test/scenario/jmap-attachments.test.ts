/** Large attachments of encrypted mail, as a JMAP program reads and sends them: ordinary parts of ordinary mail. */
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/index.ts';
import type { Client } from '../../src/client/index.ts';
import { CHUNK_BYTES, EntryKind } from '../../src/protocol/index.ts';
import { all, never } from '../harness/client-world.ts';
import { openOutbound, relayTo } from '../harness/letter-world.ts';
import { NO_OTHER_HOMES } from '../harness/node-world.ts';
import { SmtpSink } from '../harness/smtp-sink.ts';
import { until } from '../harness/until.ts';
import { openUserSetting } from '../harness/user-setting.ts';
import { ACCOUNT, type UserWorld } from '../harness/user-world.ts';

/** Three chunks, the last of them short. */
const SIZE = 2 * CHUNK_BYTES + 123_456;

interface Part {
  readonly blobId: string;
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

function partsOf(email: Readonly<Record<string, unknown>> | undefined): readonly Part[] {
  return (email?.attachments ?? []) as readonly Part[];
}

async function octets(user: UserWorld, blobId: string, range?: { start: number; end: number }): Promise<Uint8Array> {
  const blob = await user.server.jmap.download(ACCOUNT, blobId);
  if (blob === undefined) throw new Error(`there is no blob ${blobId}`);
  return concatBytes(...(await all(blob.read(range, never))));
}

describe('a large attachment that came', () => {
  test('is a part of the mail with its own name, type and size, and its octets come from the home', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await bob.connect(never);
    const content = world.random.bytes(SIZE);
    await bob.send({
      to: [laptop.address],
      subject: 'Film',
      text: 'see there',
      attachments: [
        { name: 'film “1”.mkv', type: 'video/x-matroska', content },
        { name: 'note.txt', type: 'text/plain', content: new Uint8Array([104, 105]) },
      ],
    });
    const properties = ['attachments', 'bodyStructure', 'hasAttachment', 'blobId', 'textBody'];
    const [email] = await user.untilEmails((emails) => emails.length === 1, properties);
    expect(email?.hasAttachment).toBe(true);
    expect(email?.textBody).toHaveLength(1);
    const [film, note] = partsOf(email);
    expect(film).toMatchObject({
      name: 'film “1”.mkv',
      type: 'video/x-matroska',
      size: SIZE,
      disposition: 'attachment',
    });
    expect(note).toMatchObject({ name: 'note.txt', type: 'text/plain', size: 2 });
    expect(email?.bodyStructure).toMatchObject({ subParts: [{}, { blobId: film?.blobId }, { blobId: note?.blobId }] });
    const blobId = film?.blobId ?? '';
    expect((await user.server.jmap.download(ACCOUNT, blobId))?.size).toBe(SIZE);
    expect(Buffer.compare(await octets(user, blobId), content)).toBe(0);
    for (const [start, end] of [
      [0, 1],
      [CHUNK_BYTES - 3, CHUNK_BYTES + 4],
      [SIZE - 5, SIZE],
      [10, 10],
    ] as const)
      expect(Buffer.compare(await octets(user, blobId, { start, end }), content.subarray(start, end))).toBe(0);
    const [known] = await user.call(['Blob/get', { ids: [blobId], properties: ['size'] }]);
    expect(known?.list).toEqual([{ id: blobId, size: SIZE }]);
    // The message itself stays as it was signed.
    expect(Buffer.from(await octets(user, String(email?.blobId))).includes('vnd.restante.attachment')).toBe(true);
  });

  test('says what is wrong when it cannot be had, and comes as soon as it can', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await bob.connect(never);
    const content = world.random.bytes(SIZE);
    await bob.send({ to: [laptop.address], text: 'x', attachments: [{ name: 'film.mkv', content }] });
    const [email] = await user.untilEmails((emails) => emails.length === 1, ['attachments']);
    const blobId = partsOf(email)[0]?.blobId ?? '';
    world.isCut = true;
    world.cutAll();
    await expect(user.whileTimePasses(octets(user, blobId))).rejects.toMatchObject({
      name: 'UnavailableOctets',
      message: expect.stringContaining('no node of your home'),
    });
    world.isCut = false;
    expect(Buffer.compare(await user.whileTimePasses(octets(user, blobId)), content)).toBe(0);
    // Whoever asks while the agent is started anew waits for it.
    user.crashAgent('killed');
    expect(Buffer.compare(await user.whileTimePasses(octets(user, blobId)), content)).toBe(0);
  });
});

/** A submission of what was uploaded, with the drafts and submissions of a mail program. */
async function sendFilm(user: UserWorld, from: string, to: readonly string[], content: Uint8Array): Promise<string> {
  const [identities] = await user.call(['Identity/get', { ids: null }]);
  const [identity] = (identities as { list: { id: string }[] }).list;
  const emailId = await createDraft(user, from, to, content);
  const moved = { onSuccessUpdateEmail: { '#sent': { mailboxIds: { sent: true } } } };
  const create = { sent: { emailId, identityId: identity?.id } };
  const [sent] = await user.call(['EmailSubmission/set', { create, ...moved }]);
  if (sent?.created === null) throw new Error(JSON.stringify(sent));
  return emailId;
}

async function createDraft(user: UserWorld, from: string, to: readonly string[], content: Uint8Array): Promise<string> {
  const blob = await user.server.jmap.upload(ACCOUNT, once(content), never);
  const draft = {
    mailboxIds: { drafts: true },
    keywords: { $draft: true, $seen: true },
    from: [{ email: from }],
    to: [{ email: to[0] }],
    bcc: to.slice(1).map((email) => ({ email })),
    subject: 'Film',
    bodyValues: { text: { value: 'see there' } },
    textBody: [{ partId: 'text', type: 'text/plain' }],
    attachments: [
      { blobId: blob?.id, name: 'film “1”.mkv', type: 'video/x-matroska', disposition: 'attachment', cid: 'film' },
    ],
  };
  const [made] = await user.call(['Email/set', { create: { film: draft } }]);
  const { created } = made as { created: { film: { id: string } } | null };
  if (created === null) throw new Error(JSON.stringify(made));
  return created.film.id;
}

/** The film as it stands in a message. */
function filmIn(message = ''): Buffer {
  const [, encoded = ''] = /video\/x-matroska(?:.*\r\n)+?\r\n((?:[A-Za-z0-9+/=]+\r\n)+)/.exec(message) ?? [];
  return Buffer.from(encoded, 'base64');
}

function isTaken({ list }: Readonly<Record<string, unknown>>): boolean {
  const submissions = list as readonly { readonly deliveryStatus: Readonly<Record<string, { smtpReply: string }>> }[];
  return submissions.every(({ deliveryStatus }) =>
    Object.values(deliveryStatus).every(({ smtpReply }) => smtpReply.includes('encrypted')),
  );
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

async function filmOf(client: Client): Promise<{ readonly content: Uint8Array; readonly info: Omit<Part, 'blobId'> }> {
  const [summary] = await all(client.mail.list());
  if (summary === undefined) throw new Error('there is no mail');
  const { text } = await client.mail.read(summary.id);
  const [info] = text.attachments;
  if (info?.manifest === undefined) throw new Error('the mail has no large attachment');
  await using download = await client.openAttachment(info.manifest, never);
  return { content: concatBytes(...(await all<Uint8Array>(download.chunks(1)))), info };
}

describe('a large attachment that a JMAP program sends', () => {
  test('goes beside the mail, once for everybody, and what the program made stays as it made it', async () => {
    await using setting = await openUserSetting();
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    await using carol = (await world.newPerson('carol')).client;
    const content = world.random.bytes(SIZE);
    let pieces = 0;
    world.node.core.journal.events.on('committed', ({ entries }) => {
      pieces += entries.filter(({ header }) => header.kind === EntryKind.BLOB).length;
    });
    const id = await sendFilm(user, laptop.address, [bob.address, carol.address], content);
    await user.untilSettled();
    for (const reader of [bob, carol, laptop]) {
      await user.untilHeard(reader, (messages) => messages.length === 1);
      const film = await filmOf(reader);
      expect(film.info).toMatchObject({ name: 'film “1”.mkv', type: 'video/x-matroska', size: SIZE });
      expect(Buffer.compare(film.content, content)).toBe(0);
    }
    // The draft that became the sent mail, and the mail to both readers: each its list and three chunks.
    expect(pieces).toBe(8);
    const [got] = await user.call(['Email/get', { ids: [id], properties: ['attachments', 'mailboxIds'] }]);
    const film = { name: 'film “1”.mkv', type: 'video/x-matroska', size: SIZE, disposition: 'attachment', cid: 'film' };
    expect(got?.list).toMatchObject([{ mailboxIds: { sent: true }, attachments: [film] }]);
  });

  for (const cache of ['disk', 'memory'] as const)
    test(`is not lost when the hub is killed before a node had it (${cache})`, async () => {
      await using setting = await openUserSetting(cache);
      const { laptop, user, world } = setting;
      await using bob = (await world.newPerson('bob')).client;
      await bob.connect(never);
      await laptop.send({ to: [bob.address], subject: 'so that Bob is known', text: 'x' });
      await user.untilEmails((emails) => emails.length === 1, ['id']);
      const content = world.random.bytes(SIZE);
      await sendFilm(user, laptop.address, [bob.address], new Uint8Array(10)); // Bob's certificate is known from now on
      await user.untilAnswer(['EmailSubmission/get', { ids: null }], isTaken);
      await user.untilHeard(bob, (messages) => messages.length === 2);
      await user.untilSettled();
      world.isCut = true;
      world.cutAll();
      await sendFilm(user, laptop.address, [bob.address], content);
      await user.untilAnswer(['EmailSubmission/get', { ids: null }], isTaken);
      await user.kill();
      await user.start();
      world.isCut = false;
      await user.untilHeard(bob, (messages) => messages.length === 3);
      expect(Buffer.compare((await filmOf(bob)).content, content)).toBe(0);
      // The drafts are at the home as well.
      await user.untilHeard(laptop, (messages) => messages.length === 3);
      await user.untilHolds(() => user.server.status.pendingChanges === 0);
    });

  test('reaches people without a home too, within the mail, as the program wrote it', async () => {
    await using sink = await SmtpSink.open();
    // Before the agent connects: it is told then what the home does.
    await using setting = await openUserSetting('disk', { abroad: NO_OTHER_HOMES }, async ({ node }) => {
      await openOutbound(node, { relay: relayTo(sink.settings.port) });
    });
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    const content = world.random.bytes(10 * CHUNK_BYTES);
    await sendFilm(user, laptop.address, ['carol@elsewhere.example', bob.address], content);
    await user.whileTimePasses(until(() => sink.taken.length === 1));
    expect(Buffer.compare(filmIn(sink.taken[0]), content)).toBe(0);
    expect(sink.taken[0]).toMatch(/^Content-ID: <film>\r$/m);
    expect(/bob@|^bcc:|vnd\.restante/im.test(sink.taken[0] ?? '')).toBe(false);
    await user.untilHeard(bob, (messages) => messages.length === 1);
    expect(Buffer.compare((await filmOf(bob)).content, content)).toBe(0);
  });

  test('goes with a draft that came back from the home, to everybody', async () => {
    await using sink = await SmtpSink.open();
    // A hub that keeps nothing, so that the draft is as the home has it.
    await using setting = await openUserSetting('memory', { abroad: NO_OTHER_HOMES }, async ({ node }) => {
      await openOutbound(node, { relay: relayTo(sink.settings.port) });
    });
    const { laptop, user, world } = setting;
    await using bob = (await world.newPerson('bob')).client;
    const content = world.random.bytes(SIZE);
    await createDraft(user, laptop.address, [bob.address, 'carol@elsewhere.example'], content);
    await user.untilSettled();
    await user.untilHolds(() => user.server.status.pendingChanges === 0);
    await user.kill();
    await user.start();
    const [email] = await user.untilEmails((emails) => emails.length === 1, ['id', 'size']);
    expect(email?.size).toBeLessThan(SIZE);
    const [identities] = await user.call(['Identity/get', { ids: null }]);
    const [identity] = (identities as { list: { id: string }[] }).list;
    const sent = { emailId: email?.id, identityId: identity?.id };
    await user.call(['EmailSubmission/set', { create: { sent } }]);
    await user.whileTimePasses(until(() => sink.taken.length === 1));
    expect(Buffer.compare(filmIn(sink.taken[0]), content)).toBe(0);
    await user.untilHeard(bob, (messages) => messages.length === 1);
    expect(Buffer.compare((await filmOf(bob)).content, content)).toBe(0);
  });
});

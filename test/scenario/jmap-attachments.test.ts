/** Large attachments of encrypted mail, as a JMAP program reads and sends them: ordinary parts of ordinary mail. */
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/base/index.ts';
import { CHUNK_BYTES } from '../../src/protocol/index.ts';
import { all, never } from '../harness/client-world.ts';
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

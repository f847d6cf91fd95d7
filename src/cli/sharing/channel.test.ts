import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Channel, type FromGuest, type FromHost } from './channel.ts';

/** Both ends of a connection. */
async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'channel-'));
  const path = join(folder, 'host.sock');
  const server = createServer();
  await once(server.listen(path), 'listening');
  const near = connect(path);
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], []];
  return {
    ...{ near, far },
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      await once(server.close(), 'close');
      await rm(folder, { recursive: true });
    },
  };
}

test('a peer that goes without having read what was said ends what it says', async () => {
  await using ends = await setup();
  const { far, near } = ends;
  const channel = new Channel<FromHost, FromGuest>(near);
  const hello = { type: 'hello', nonce: '00' } as const;
  await new Channel<FromGuest, FromHost>(far).send(hello);
  const heard: FromHost[] = [];
  for await (const message of channel.messages()) {
    heard.push(message);
    // In one turn: nothing is read between.
    void channel.send({ type: 'interrupt' });
    far.destroy();
  }
  expect([heard, (near.errored as NodeJS.ErrnoException | null)?.code]).toEqual([[hello], 'ECONNRESET']);
});

test('a peer that is sent away ends what it says', async () => {
  await using ends = await setup();
  const { far } = ends;
  const next = new Channel<FromGuest, FromHost>(far).messages().next();
  far.destroy();
  expect(await next).toMatchObject({ done: true });
});

/** Large bodies at a real hub: from the disk to the program, without passing the user server. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { connect } from '../../src/hub-client/index.ts';
import { PASSWORD } from '../harness/home-process.ts';
import { FrameProgram } from '../harness/hub.ts';
import { HubHome, residentBytes } from '../harness/hub-home.ts';

const SIZE = 100_000_000;
const signal = new AbortController().signal;
const password = PASSWORD.RESTANTE_PASSWORD;

/** The same octets each time, none like another piece. */
function* content(): Generator<Uint8Array> {
  const piece = Buffer.alloc(100_000, 'Zeit ist Zeit ');
  for (let at = 0; at < SIZE; at += piece.length) {
    piece.writeUInt32BE(at);
    yield Uint8Array.from(piece);
  }
}

async function hashOf(octets: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of octets) hash.update(piece);
  return hash.digest('hex');
}

/** Bytes that a process has moved by reading and writing, sockets included. */
async function movedBytes(pid: number): Promise<number> {
  const io = await readFile(`/proc/${pid}/io`, 'utf8');
  return Number(/rchar: (\d+)/.exec(io)?.[1]) + Number(/wchar: (\d+)/.exec(io)?.[1]);
}

function ask(setting: HubHome, path: string, token: string, options: object = {}) {
  const asked = request({ host: '127.0.0.1', port: setting.hub.control.port, path, agent: false, ...options });
  asked.setHeader('authorization', `Bearer ${token}`);
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve).once('error', reject);
  });
  return { asked, answered };
}

async function upload(setting: HubHome, token: string): Promise<string> {
  const { answered, asked } = ask(setting, '/jmap/upload/encrypted/', token, { method: 'POST' });
  await pipeline(Readable.from(content()), asked);
  const answer = await (await answered).toArray();
  return (JSON.parse(Buffer.concat(answer).toString()) as { blobId: string }).blobId;
}

test('a hundred megabytes leave a user server’s memory as it is, by HTTP, in a range, and in frames; its ticket is good once, for its session', async () => {
  await using setting = await HubHome.open();
  const [alice, bob] = [await setting.person('alice'), await setting.person('bob')];
  await using session = await connect({ socket: setting.hub.socketPath }).open({ user: alice, password });
  const blobId = await upload(setting, session.token);
  const pid = await setting.pidOf(alice);
  const path = `/jmap/download/encrypted/${blobId}/large.bin?accept=text/plain`;
  const expected = await hashOf(content());
  const [memory, moved] = [await residentBytes(pid), await movedBytes(pid)];

  const get = async (headers: Record<string, string> = {}): Promise<IncomingMessage> => {
    const { answered, asked } = ask(setting, path, session.token, { headers });
    asked.end();
    return answered;
  };
  const whole = await get();
  const { 'content-length': length, 'content-type': type } = whole.headers;
  expect([whole.statusCode, length, type]).toEqual([200, `${SIZE}`, 'text/plain']);
  expect(await hashOf(whole)).toBe(expected);
  const range = await get({ range: `bytes=${SIZE / 2}-` });
  expect([range.statusCode, range.headers['content-range']]).toEqual([206, `bytes ${SIZE / 2}-${SIZE - 1}/${SIZE}`]);
  const half = (await range.toArray()) as Uint8Array[];
  expect(half.reduce((size, piece) => size + piece.length, 0)).toBe(SIZE / 2);
  await using download = await session.download('encrypted', blobId, signal);
  expect([download.size, await hashOf(download.octets)]).toEqual([SIZE, expected]);
  await expect(session.download('encrypted', `b${'0'.repeat(64)}`, signal)).rejects.toMatchObject({ code: 'absent' });

  const [grown, passed] = [(await residentBytes(pid)) - memory, (await movedBytes(pid)) - moved];
  console.info(`250 MB sent: ${grown} bytes more in the user server's memory, ${passed} bytes passed it`);
  expect(grown).toBeLessThan(10_000_000);
  expect(passed).toBeLessThan(1_000_000);

  // A ticket in the wrong hands opens nothing, and is gone with that.
  const [mine, { opened }] = await FrameProgram.open(setting.hub.socketPath, { token: session.token });
  expect(opened).toMatchObject({ session: session.id });
  await using other = await connect({ socket: setting.hub.socketPath }).open({ user: bob, password });
  mine.send({ id: 1, ticket: { accountId: 'encrypted', blobId } });
  const { ticket } = (await mine.next(({ id }) => id === 1)).ticket as { readonly ticket: string };
  for (const token of [other.token, session.token]) {
    const thief = await FrameProgram.connect(setting.hub.control.port);
    thief.send({ open: { token }, ticket });
    expect(await thief.next(() => true)).toMatchObject({ error: { code: 'refused' } });
    await thief.ended();
  }
  mine[Symbol.dispose]();
});

/** Whoever means harm to a hub: garbage, half frames, floods, guessed passwords, forged messages; and what is left of secrets. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, test, vi } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import { SodiumSuite } from '../../src/base/system/index.ts';
import { encodeFrame } from '../../src/hub-client/index.ts';
import { basic, FrameProgram, http, openHub, PASSWORD } from '../harness/hub.ts';
import { runLength } from '../harness/length.ts';

const alice = 'alice@home.example';
const CONNECTS = runLength(600, 5_000);
const GUESSES = runLength(200, 10_000);

function send(to: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connect(to, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => undefined); // a cut is an answer
  socket.write(bytes);
  return new Promise((resolve) => socket.once('close', () => resolve(Buffer.concat(chunks))));
}

describe('a hub under attack', () => {
  test('answers garbage with a typed refusal or a cut, and serves the others', async () => {
    await using hub = await openHub();
    const { port } = hub.control;
    const [program] = await FrameProgram.open(hub.socketPath, { user: alice, password: PASSWORD });
    const deep = `{"open":${'['.repeat(4_000)}`;
    const frames: [string, Uint8Array, RegExp][] = [
      ['an empty frame', encodeFrame(), /malformed/],
      ['no JSON', encodeFrame(Uint8Array.of(255, 254, 0)), /malformed/],
      ['another object', encodeFrame(utf8('{"hello":1}')), /malformed/],
      ['a nest', encodeFrame(utf8(deep)), /malformed/],
      ['a frame too long', Uint8Array.of(0, 255, 255, 255, 1), /too_large/],
      ['no HTTP', utf8('\r\n\r\nGARBAGE\r\n\r\n'), /400 Bad Request/],
      ['a head too long', utf8(`GET / HTTP/1.1\r\nx: ${'x'.repeat(40_000)}\r\n\r\n`), /431|400/],
      ['two lengths', utf8('POST /jmap/api HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'), /400/],
      [
        'an upgrade without a name',
        utf8('GET /jmap/ws HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n'),
        /401/,
      ],
      ['an upgrade elsewhere', utf8('GET /x HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: a\r\n\r\n'), /404/],
    ];
    for (const [what, bytes, answer] of frames)
      expect([what, (await send(port, bytes)).toString()]).toEqual([what, expect.stringMatching(answer)]);
    expect(await program.call('list')).toMatchObject({ notes: [] });
  });

  test('sends away who holds connections without saying who they are, and lets others in meanwhile', async () => {
    await using hub = await openHub();
    const { port } = hub.control;
    const gone: Promise<void>[] = [];
    for (let n = 0; n < CONNECTS; n++) {
      const socket = connect(port, '127.0.0.1');
      socket.on('error', () => undefined);
      gone.push(new Promise<void>((resolve) => socket.resume().once('close', () => resolve())));
      // Half a frame, half a head, and silence: each in its turn.
      socket.write([Uint8Array.of(0, 0, 1), utf8('GET / HT'), new Uint8Array()][n % 3] as Uint8Array);
    }
    const [program, opened] = await FrameProgram.open(port, { user: alice, password: PASSWORD });
    expect(opened).toHaveProperty('opened');
    expect(await program.call('list')).toMatchObject({ notes: [] });
    // Everybody is sent away by the time-outs, which take ten seconds.
    await Promise.all(gone);
    expect((await hub.control.operator.status()).strangers).toBe(0);
    expect(await program.call('list')).toMatchObject({ notes: [] });
  });

  test('throttles guessing, for a person and for a host alike, while whoever is in stays in', async () => {
    await using hub = await openHub();
    const { port } = hub.control;
    const [program] = await FrameProgram.open(hub.socketPath, { user: alice, password: PASSWORD });
    const headers = basic(alice, PASSWORD);
    expect((await http(port, '/.well-known/jmap', { headers })).status).toBe(200);
    const guess = (index: number): Promise<{ status: number }> =>
      http(port, '/.well-known/jmap', {
        headers: basic(index % 2 === 0 ? alice : `nobody${index}@home.example`, `guess ${index}`),
      });
    const statuses: number[] = [];
    for (let n = 0; n < GUESSES; n += 50)
      statuses.push(
        ...(await Promise.all(Array.from({ length: 50 }, (_, index) => guess(n + index)))).map(({ status }) => status),
      );
    const counts = [401, 429, 503].map((status) => statuses.filter((each) => each === status).length);
    expect(counts[0] ?? 0).toBeLessThan(60);
    expect(counts[1] ?? 0).toBeGreaterThan(GUESSES / 2);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(statuses.length);
    // The right password was good a moment ago, and costs no guess.
    expect((await http(port, '/.well-known/jmap', { headers })).status).toBe(200);
    expect(await program.call('list')).toMatchObject({ notes: [] });
    // Nobody who does not exist has a folder or a process.
    expect(readdirSync(hub.usersFolder)).toHaveLength(1);
  });

  test('counts what a user server that was taken over forges and repeats, and does nothing of it', async () => {
    await using hub = await openHub();
    const [program] = await FrameProgram.open(hub.socketPath, { user: alice, password: PASSWORD });
    const refused = async () => (await hub.control.operator.status()).refusedMessages;
    expect(await refused()).toEqual({});
    await program.call('forge');
    const reasons = { bad_signature: 1, misaddressed: 1, unknown_sender: 1, replayed: 1, malformed: 1 };
    await vi.waitFor(async () => expect(await refused()).toEqual(reasons));
    const [other, opened] = await FrameProgram.open(hub.socketPath, { user: 'bob@home.example', password: PASSWORD });
    expect(opened).toHaveProperty('opened');
    expect(await other.call('list')).toMatchObject({ notes: [] });
  });
});

describe('secrets', () => {
  test('are neither on the disk, nor in arguments, nor in the environment, nor in the log', async () => {
    const lines: string[] = [];
    const say = (fields: object, message: string): void => void lines.push(JSON.stringify(fields) + message);
    const hub = await openHub({}, { debug: say, info: say, warn: say, error: say });
    const [program, answer] = await FrameProgram.open(hub.socketPath, { user: alice, password: PASSWORD });
    const { token } = answer.opened as { readonly token: string };
    const { pid } = await program.call('list');
    // The hub key of the small user server's people is known to the test.
    const hubKey = new SodiumSuite().blake2b(utf8(alice));
    const secret = token.split('.').at(-1) as string;
    const forms = [hubKey, utf8(PASSWORD), Buffer.from(secret, 'base64url')].flatMap((bytes) => [
      Buffer.from(bytes),
      ...(['base64', 'base64url', 'hex'] as const).map((form) =>
        Buffer.from(Buffer.from(bytes).toString(form).replace(/=+$/, '')),
      ),
    ]);
    const finds = (bytes: Buffer): boolean => forms.some((form) => bytes.includes(form));
    expect(finds(Buffer.from(`… ${PASSWORD} …`))).toBe(true); // the search itself works

    for (const file of ['cmdline', 'environ']) expect(finds(readFileSync(`/proc/${pid}/${file}`))).toBe(false);
    expect(readFileSync(`/proc/${pid}/limits`, 'utf8')).toMatch(/Max core file size +0 +0/);
    program[Symbol.dispose]();
    await hub.control[Symbol.asyncDispose]();
    const files = spawnSync('find', [hub.folder, '-type', 'f'], { encoding: 'utf8' }).stdout.trim().split('\n');
    expect(files.length).toBeGreaterThan(1);
    for (const file of files) expect([file, finds(readFileSync(file))]).toEqual([file, false]);
    expect(finds(Buffer.from(lines.join('\n')))).toBe(false);
    await hub[Symbol.asyncDispose]();
  });
});

import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createTransport } from 'nodemailer';
import { describe, expect, test } from 'vitest';
import { type Finished, Sandbox } from '../cli/command-line.ts';
import { Certificate } from '../harness/certificate.ts';
import { SecretScan } from '../harness/secret-scan.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

const PASSWORD = { RESTANTE_PASSWORD: 'correct horse battery staple' };

interface Ready {
  readonly home: string;
  readonly node: string;
  readonly smtp: number;
}

/** A home with a door, and its people. */
async function setup(names: readonly string[], args: readonly string[] = []) {
  const sandbox = await Sandbox.open();
  const server = sandbox.start([
    ...['up', '--port', '0', '--registration', 'open', '--json', '--data', sandbox.path('home')],
    ...['--home', 'home.example', '--smtp-port', '0', '--log-level', 'error', ...args],
  ]);
  const ready = (await server.next()) as unknown as Ready;
  const run = (args: readonly string[]): Promise<Finished> => sandbox.run(args, { environment: PASSWORD });
  const as = (who: string, args: readonly string[]): Promise<Finished> => run([...args, '--json', '--address', who]);
  for (const name of names) {
    const made = await run(['account', 'new', `${name}@home.example`, '--node', ready.node, '--json']);
    expect(made.code, made.stdout + made.stderr).toBe(0);
  }
  return { sandbox, server, ready, as, [Symbol.asyncDispose]: () => sandbox[Symbol.asyncDispose]() };
}

type World = Awaited<ReturnType<typeof setup>>;

function starttls(certificate: Certificate): readonly string[] {
  return ['--smtp-tls-cert', certificate.path, '--smtp-tls-key', certificate.keyPath];
}

/** What a person has, as the list shows it. */
async function listOf({ as }: World, who: string): Promise<readonly Record<string, unknown>[]> {
  const synced = await as(who, ['sync']);
  expect(synced.code, synced.stdout + synced.stderr).toBe(0);
  return (await as(who, ['list'])).lines;
}

/** The messages of a person as their device opened them, by id. */
async function octetsOf({ as, sandbox }: World, who: string): Promise<readonly Buffer[]> {
  await as(who, ['sync']);
  const folder = sandbox.path(`export-${randomBytes(4).toString('hex')}`);
  const done = await as(who, ['export', folder, '--format', 'eml']);
  expect(done.code, done.stdout + done.stderr).toBe(0);
  const names = await readdir(folder);
  return Promise.all(names.map((name) => readFile(`${folder}/${name}`)));
}

/** What the door wrote above a message, and the octets below it. */
function split(octets: Buffer): { readonly trace: string; readonly message: Buffer } {
  const [trace = ''] = /^Return-Path:.*\r\nReceived:.*\r\n(\t.*\r\n)*/.exec(octets.toString('latin1')) ?? [];
  return { trace, message: octets.subarray(trace.length) };
}

describe('the SMTP door', () => {
  test('takes mail from an ordinary program, and the person reads it as ordinary mail', async () => {
    await using certificate = await Certificate.create();
    await using world = await setup(['alice', 'bob'], starttls(certificate));
    const canary = `canary-${randomBytes(12).toString('hex')}`;
    const transport = createTransport({
      host: '127.0.0.1',
      port: world.ready.smtp,
      requireTLS: true,
      tls: { rejectUnauthorized: false },
    });
    const sent = await transport.sendMail({
      from: 'Carol <carol@elsewhere.example>',
      to: ['alice@home.example'],
      bcc: ['bob@home.example'],
      subject: `Grüße ${canary}`,
      text: `Lunch? ${canary}\n.\n..two dots\n`,
    });
    transport.close();
    expect(sent.accepted).toEqual(['alice@home.example', 'bob@home.example']);
    expect(sent.response).toMatch(/^250 /);

    const [mail] = await listOf(world, 'alice@home.example');
    expect(mail).toMatchObject({
      from: 'Carol <carol@elsewhere.example>',
      subject: `Grüße ${canary}`,
      verified: false,
      proof: 'unsigned',
      outside: true,
    });
    const [copy] = await listOf(world, 'bob@home.example');
    expect(copy).toMatchObject({ subject: `Grüße ${canary}` });
    expect(new SecretScan([canary]).inFolder(world.sandbox.path('home'))).toMatchObject({ found: [] });
  });

  test('keeps the octets of DATA as they came, below its own trace', async () => {
    await using world = await setup(['alice']);
    const lines = [
      'Subject: odd',
      '',
      '.leading dot',
      '',
      `\x00\x01 \xff \xc3\x28 ${'x'.repeat(5_000)}`,
      '.',
      '..',
      'From here',
      ' ',
    ];
    const message = Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1');
    const stuffed = lines.map((line) => (line.startsWith('.') ? `.${line}` : line)).join('\r\n');
    await using talk = await SmtpTalk.open(world.ready.smtp, 'EHLO mail.(example)');
    expect(await talk.mail('', ['ALICE@Home.Example'], stuffed)).toMatch(/^250 /);

    const [octets = Buffer.alloc(0)] = await octetsOf(world, 'alice@home.example');
    const { trace, message: below } = split(octets);
    expect(below.equals(message)).toBe(true);
    expect(trace).toMatch(/^Return-Path: <>\r\nReceived: from mail\.\?example\? \(\[127\.0\.0\.1\]\)\r\n/);
    expect(trace).toMatch(
      /\r\n\tby home\.example with ESMTP id \S+\r\n\tfor <alice@home\.example>;\r\n\t.* \+0000\r\n$/,
    );
  });
});

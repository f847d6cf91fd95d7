/** What strangers try at the door that is no mail: extensions that are not offered, floods, what goes on behind an end. */

import { once } from 'node:events';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { Certificate } from '../../test/harness/certificate.ts';
import { MemoryDoor } from '../../test/harness/memory-door.ts';
import { SmtpTalk } from '../../test/harness/smtp-talk.ts';
import { REFUSED_RECIPIENTS_MAX } from './limits.ts';

const ALICE = 'alice@home.example';
const MALLORY = 'mallory@evil.example';

describe('what is not offered', () => {
  test('is not in EHLO, and what is there is all that there is', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port, '');
    const offered = (await talk.ask('EHLO mail.example.net')).split('\n').slice(1);
    expect(offered.map((line) => line.slice(4).split(' ')[0])).toEqual(['PIPELINING', '8BITMIME', 'SIZE']);
  });

  test('is not understood: BDAT, BINARYMIME, SMTPUTF8, DSN, XCLIENT, AUTH, TURN', async () => {
    await using world = await MemoryDoor.open();
    const tried: readonly (readonly [string, RegExp])[] = [
      ['BDAT 10 LAST', /^50[02] /],
      ['XCLIENT ADDR=127.0.0.1', /^5[05]0 /],
      ['XFORWARD ADDR=127.0.0.1', /^5[05]0 /],
      ['AUTH LOGIN', /^500 /],
      ['TURN', /^50[02] /],
      ['ETRN home.example', /^50[02] /],
      ['EXPN staff', /^50[02] /],
      [`MAIL FROM:<${MALLORY}> SMTPUTF8`, /^555 5\.5\.4 /],
      [`MAIL FROM:<${MALLORY}> BODY=BINARYMIME`, /^501 /],
      [`MAIL FROM:<${MALLORY}> RET=FULL ENVID=1`, /^555 5\.5\.4 /],
      [`MAIL FROM:<${MALLORY}> REQUIRETLS`, /^5/],
      [`MAIL FROM:<${MALLORY}> SIZE=many`, /^501 /],
      ['MAIL FROM:<mall\u00f6ry@evil.example>', /^553 5\.1\.7 /],
    ];
    for (const [command, expected] of tried) {
      await using talk = await SmtpTalk.open(world.door.port);
      expect(await talk.ask(command), command).toMatch(expected);
      expect(await talk.ask('DATA'), command).toMatch(/^503 /);
    }
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.ask(`MAIL FROM:<${MALLORY}> BODY=8BITMIME SIZE=100`)).toMatch(/^250 /);
    expect(await talk.ask(`RCPT TO:<${ALICE}> NOTIFY=SUCCESS`)).toMatch(/^555 5\.5\.4 /);
    expect(await talk.ask('RCPT TO:<\u00e4lice@home.example>')).toMatch(/^5/);
    expect(world.taken).toEqual([]);
  });

  test('takes no message in chunks: what follows BDAT are commands, and ten of them are cut', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    const message = 'Subject: chunked\r\n\r\nx\r\ny\r\n';
    talk.send(
      `MAIL FROM:<${MALLORY}>\r\nRCPT TO:<${ALICE}>\r\nBDAT ${message.length} LAST\r\n${message}${'x\r\n'.repeat(12)}`,
    );
    const answers: string[] = [];
    for (let answer = await talk.read(); answer !== 'closed'; answer = await talk.read())
      answers.push(answer.slice(0, 3));
    expect(answers.slice(0, 3)).toEqual(['250', '250', '500']);
    expect(answers.at(-1)).toBe('421');
    expect(world.taken).toEqual([]);
  });

  test('keeps octets beyond ASCII as they are, announced or not', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail(MALLORY, [ALICE], 'Subject: \xc3\xa4\r\n\r\n\xff\x80\x00')).toMatch(/^250 /);
    expect((await world.texts())[0]?.endsWith('Subject: \xc3\xa4\r\n\r\n\xff\x80\x00\r\n')).toBe(true);
  });
});

describe('backscatter', () => {
  test('has no place to come from: who cannot have it is said while its sender listens', async () => {
    await using world = await MemoryDoor.open({ answers: { alice: [{ status: 'unknown_recipient', detail: '' }] } });
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('victim@elsewhere.example', ['nobody@home.example'], 'x')).toMatch(/^550 5\.1\.1 /);
    expect(await talk.ask('RSET')).toMatch(/^250 /);
    // Closed between RCPT and the end of the message.
    expect(await talk.mail('victim@elsewhere.example', [ALICE], 'Subject: x\r\n\r\nx')).toMatch(/^550 5\.1\.1 /);
    expect(world.taken).toEqual([]);
  });

  test('is not spread: what nobody wants returned goes to one recipient', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.ask('MAIL FROM:<>')).toMatch(/^250 /);
    expect(await talk.ask(`RCPT TO:<${ALICE}>`)).toMatch(/^250 /);
    expect(await talk.ask('RCPT TO:<bob@home.example>')).toMatch(/^452 4\.5\.3 /);
    expect(await talk.ask('DATA')).toMatch(/^354 /);
    talk.send('Subject: report\r\n\r\nx\r\n.\r\n');
    expect(await talk.read()).toMatch(/^250 /);
    expect(world.recipients).toEqual([ALICE]);
  });

  test('finds out nobody’s address by VRFY', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.ask('VRFY alice')).toBe(await talk.ask('VRFY nobody'));
  });
});

describe('a flood on one connection', () => {
  test('of commands in one write is answered in its order, while others are served', async () => {
    await using world = await MemoryDoor.open();
    await using flood = await SmtpTalk.open(world.door.port);
    const rounds = 2_000;
    flood.send(`MAIL FROM:<${MALLORY}>\r\nRCPT TO:<${ALICE}>\r\nRSET\r\n`.repeat(rounds));
    await using honest = await SmtpTalk.open(world.door.port);
    expect(await honest.mail('x@y.example', [ALICE], 'Subject: honest\r\n\r\nx')).toMatch(/^250 /);
    for (let i = 0; i < 3 * rounds; i++) expect(await flood.read()).toMatch(/^250 /);
    expect(await flood.ask('NOOP')).toMatch(/^250 /);
    expect(world.taken).toHaveLength(1);
  });

  test('of commands that are none is cut at the tenth', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    talk.send('\x00\xff\r\n'.repeat(1_000));
    const answers: string[] = [];
    for (let answer = await talk.read(); answer !== 'closed'; answer = await talk.read()) answers.push(answer);
    expect(answers.length).toBeLessThanOrEqual(11);
    expect(answers.at(-1)).toMatch(/^421 /);
  });

  test('of messages in one group is taken one after another, and what follows QUIT is nothing', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    talk.send(`QUIT\r\nMAIL FROM:<${MALLORY}>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\nSubject: after\r\n\r\nx\r\n.\r\n`);
    expect(await talk.read()).toMatch(/^221 /);
    expect(await talk.read()).toBe('closed');
    expect(world.taken).toEqual([]);
  });
});

describe('a list of addresses that are tried', () => {
  test('is cut after twenty that are nobody, whatever is said in between, and costs others nothing', async () => {
    await using world = await MemoryDoor.open();
    await using list = await SmtpTalk.open(world.door.port);
    await using honest = await SmtpTalk.open(world.door.port);
    expect(await honest.mail('x@y.example', ['nobody@home.example'], 'x')).toMatch(/^550 5\.1\.1 /);
    for (let i = 0; i < REFUSED_RECIPIENTS_MAX; i++) {
      if (i % 7 === 0) expect(await list.ask('EHLO mail.example.net')).toMatch(/^250/);
      if (i % 7 === 0) expect(await list.ask(`MAIL FROM:<${MALLORY}>`)).toMatch(/^250 /);
      expect(await list.ask(`RCPT TO:<nobody-${i}@home.example>`)).toMatch(/^550 5\.1\.1 /);
    }
    expect(await list.ask('RCPT TO:<nobody@home.example>')).toMatch(/^421 4\.7\.0 /);
    expect(await honest.ask('RCPT TO:<nobody@home.example>')).toMatch(/^550 5\.1\.1 /);
  });
});

describe('line ends', () => {
  test.each([
    ['a CR within a command', `MAIL FROM:<a@b.example>\rRCPT TO:<${ALICE}>\r\n`],
    ['a NUL within an address', `MAIL FROM:<a\x00@b.example>\r\n`],
  ])('of commands with %s open no message', async (_, commands) => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    talk.send(`${commands}QUIT\r\n`);
    const answers: string[] = [];
    for (let answer = await talk.read(); answer !== 'closed'; answer = await talk.read()) answers.push(answer);
    expect(answers.filter((answer) => answer.startsWith('354'))).toEqual([]);
    expect(answers.at(-1)).toMatch(/^221 /);
  });

  test('of commands may lack a CR, as old programs’ do; those of the message that follows may not', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    talk.send(`MAIL FROM:<${MALLORY}>\nRCPT TO:<${ALICE}>\nDATA\n`);
    for (const expected of [/^250 /, /^250 /, /^354 /]) expect(await talk.read()).toMatch(expected);
    talk.send('Subject: smuggled\n\nx\n.\nQUIT\n\r\n.\r\n');
    expect(await talk.read()).toMatch(/^550 5\.5\.2 /);
    expect(await talk.ask('NOOP')).toMatch(/^250 /);
    expect(world.taken).toEqual([]);
  });

  test('that are doubled or missing before the last dot end nothing', async () => {
    await using world = await MemoryDoor.open();
    for (const end of ['\n.\r\n', '\r.\r\n', '\r\n.\n', '\r\n.\r', '\r\n.\r\r\n', '\r\n\x00.\r\n']) {
      await using talk = await SmtpTalk.open(world.door.port);
      const smuggled = `MAIL FROM:<ceo@bank.example>\r\nRCPT TO:<${ALICE}>\r\nDATA\r\nSubject: smuggled\r\n\r\nx`;
      const answer = await talk.mail(MALLORY, [ALICE], `Subject: carrier\r\n\r\nx${end}${smuggled}`);
      // What has only a NUL too many is text; all else has a CR or LF alone.
      expect(answer, JSON.stringify(end)).toMatch(end.includes('\x00') ? /^250 / : /^550 5\.5\.2 /);
    }
    expect(world.taken).toHaveLength(1);
  });
});

describe('STARTTLS', () => {
  test('forgets what was said in the clear, and what was sent along with it', async () => {
    await using certificate = await Certificate.create();
    await using world = await MemoryDoor.open({ tls: { certFile: certificate.path, keyFile: certificate.keyPath } });
    const plain = connect({ port: world.door.port, host: '127.0.0.1' });
    const heard = async (): Promise<string> => String(((await once(plain, 'data')) as [Buffer])[0]);
    expect(await heard()).toMatch(/^220 /);
    plain.write('EHLO mail.example.net\r\n');
    expect(await heard()).toMatch(/STARTTLS/);
    plain.write(`MAIL FROM:<${MALLORY}>\r\n`);
    expect(await heard()).toMatch(/^250 /);
    plain.write(`STARTTLS\r\nRCPT TO:<${ALICE}>\r\nDATA\r\nSubject: injected\r\n\r\nx\r\n.\r\n`);
    expect(await heard()).toMatch(/^220 [^\r]*\r\n$/);
    const secured = connectTls({ socket: plain, rejectUnauthorized: false });
    await once(secured, 'secureConnect');
    const said: string[] = [];
    secured.on('data', (piece: Buffer) => said.push(piece.toString()));
    secured.write(`RCPT TO:<${ALICE}>\r\nDATA\r\nQUIT\r\n`);
    await once(secured, 'close');
    expect(said.join('')).toMatch(/^503 .*\r\n503 .*\r\n221 .*\r\n$/);
    expect(world.taken).toEqual([]);
  });
});

import { describe, expect, test } from 'vitest';
import { DOOR_KEYS, MemoryDoor } from '../../test/harness/memory-door.ts';
import { SmtpTalk } from '../../test/harness/smtp-talk.ts';
import { toHex } from '../base/index.ts';
import { SodiumSuite } from '../base/system/index.ts';
import type { Submission } from '../node/index.ts';
import { verifyPdu } from '../protocol/index.ts';
import { RECIPIENTS_MAX } from './limits.ts';

const suite = new SodiumSuite();

function gate(): { readonly passed: Promise<void>; open(): void } {
  let open = (): void => {};
  const passed = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { passed, open };
}

const MAIL = 'Subject: a\r\n\r\nb';
const to = (...names: string[]): string[] => names.map((name) => `${name}@home.example`);

describe('a message at the door', () => {
  test('becomes one signed PDU for each recipient, which names nobody else and opens to the octets', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('carol@elsewhere.example', to('alice', 'bob'), MAIL)).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('alice', 'bob'));
    for (const taken of world.taken) {
      const { door, pdu } = taken;
      expect(door).toBe(DOOR_KEYS.address);
      expect(pdu).toMatchObject({ type: 'mail', author: DOOR_KEYS.address, depth: 1, prev: [] });
      expect(verifyPdu(suite, pdu, DOOR_KEYS.device.publicKey)).toBe(true);
      const opened = await world.opened(taken);
      expect(opened.verification).toEqual({ status: 'unsigned' });
      const text = new TextDecoder().decode(opened.mime);
      expect(text.endsWith(`+0000\r\n${MAIL}\r\n`)).toBe(true);
      expect(text).toContain(`for <${pdu.recipients[0]}>;`);
    }
    const [first, second] = world.taken.map(({ pdu }) => pdu.conversation);
    expect(first).not.toBe(second);
  });

  test.each<[Submission, RegExp]>([
    [{ status: 'over_quota', detail: '' }, /^452 4\.2\.2 /],
    [{ status: 'unknown_recipient', detail: '' }, /^550 5\.1\.1 /],
    [{ status: 'unavailable', detail: 'the disk is full', retryAfterMs: 1 }, /^451 4\.3\.0 /],
    [{ status: 'unavailable', detail: 'the disk is full', why: 'no_room', retryAfterMs: 1 }, /^452 4\.3\.1 /],
    [{ status: 'rate_limited', retryAfterMs: 1 }, /^451 4\.3\.0 /],
    [{ status: 'rejected', detail: '' }, /^451 4\.3\.0 /],
  ])('that the node answers with %o is refused', async (answer, expected) => {
    await using world = await MemoryDoor.open({ answers: { alice: [answer] } });
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('x@y.example', to('alice'), MAIL)).toMatch(expected);
    expect(world.taken).toEqual([]);
    expect(await talk.mail('', to('alice'), MAIL)).toMatch(/^250 /);
  });

  test('that the first of its recipients can never have is refused for all', async () => {
    await using world = await MemoryDoor.open({ answers: { alice: [{ status: 'unknown_recipient', detail: '' }] } });
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('x@y.example', to('alice', 'bob'), MAIL)).toMatch(/^550 5\.1\.1 /);
    expect(world.taken).toEqual([]);
  });

  test.each([
    ['the first', to('alice', 'bob', 'carol')],
    ['one in between', to('bob', 'alice', 'carol')],
  ])('goes to those behind %s who cannot have it now', async (_, recipients) => {
    const full: Submission = { status: 'over_quota', detail: '' };
    await using world = await MemoryDoor.open({ answers: { alice: [full, full, full] } });
    await using talk = await SmtpTalk.open(world.door.port);
    for (let time = 0; time < 3; time++) {
      expect(await talk.mail('x@y.example', recipients, MAIL)).toMatch(/^451 4\.3\.0 Some/);
      expect(world.recipients).toEqual(to('bob', 'carol'));
    }
    expect(await talk.mail('x@y.example', recipients, MAIL)).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('bob', 'carol', 'alice'));
  });

  test('that none of its recipients can have now is refused as the first is, whoever else has that text', async () => {
    const full: Submission = { status: 'over_quota', detail: '' };
    const later: Submission = { status: 'unavailable', detail: '', retryAfterMs: 1 };
    const gone: Submission = { status: 'unknown_recipient', detail: '' };
    await using world = await MemoryDoor.open({ answers: { bob: [later], carol: [full], dave: [later, gone] } });
    await using talk = await SmtpTalk.open(world.door.port);
    const send = (...names: string[]) => talk.mail('x@y.example', to(...names), MAIL);
    expect(await send('alice', 'bob')).toMatch(/^451 4\.3\.0 Some/);
    expect(await send('carol', 'dave')).toMatch(/^452 4\.2\.2 /);
    expect(await send('dave')).toMatch(/^550 5\.1\.1 /);
    expect(world.recipients).toEqual(to('alice'));
  });

  test('that some have and others cannot have now is asked for again, and goes to the others only', async () => {
    const later: Submission = { status: 'unavailable', detail: '', retryAfterMs: 1 };
    await using world = await MemoryDoor.open({ answers: { bob: [later, later] } });
    await using talk = await SmtpTalk.open(world.door.port);
    const send = (text = MAIL) => talk.mail('x@y.example', to('alice', 'bob', 'carol'), text);
    expect(await send()).toMatch(/^451 4\.3\.0 Some/);
    expect(await send()).toMatch(/^451 4\.3\.0 Some/);
    expect(world.recipients).toEqual(to('alice', 'carol'));
    expect(await send()).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('alice', 'carol', 'bob'));
    // What was finished is not remembered: the same text again is another mail.
    expect(await send()).toMatch(/^250 /);
    expect(world.recipients).toHaveLength(6);
  });

  test('of the same text for others changes nothing of who has it, before, after or at once', async () => {
    const later: Submission = { status: 'unavailable', detail: '', retryAfterMs: 1 };
    const [arrived, both] = [gate(), gate()];
    let count = 0;
    await using world = await MemoryDoor.open({
      answers: { bob: [later, later], dave: [later] },
      beforeAnswer: () => {
        count += 1;
        arrived.open();
        if (count === 2) both.open();
        return both.passed;
      },
    });
    await using one = await SmtpTalk.open(world.door.port);
    await using other = await SmtpTalk.open(world.door.port);
    const send = (talk: SmtpTalk, ...names: string[]) => talk.mail('x@y.example', to(...names), MAIL);
    const first = send(one, 'alice', 'bob');
    await arrived.passed;
    const second = send(other, 'carol', 'dave');
    expect(await first).toMatch(/^451 4\.3\.0 Some/);
    expect(await second).toMatch(/^451 4\.3\.0 Some/);
    expect(await send(one, 'alice', 'bob')).toMatch(/^451 4\.3\.0 Some/);
    expect(await send(other, 'carol', 'dave')).toMatch(/^250 /);
    expect(await send(other, 'erin')).toMatch(/^250 /);
    expect(await send(one, 'alice', 'bob')).toMatch(/^250 /);
    expect([...world.recipients].sort()).toEqual(to('alice', 'bob', 'carol', 'dave', 'erin'));
  });

  test('of the same text for others, taken in between, has nobody get it twice', async () => {
    const later: Submission = { status: 'unavailable', detail: '', retryAfterMs: 1 };
    await using world = await MemoryDoor.open({ answers: { bob: [later] } });
    await using talk = await SmtpTalk.open(world.door.port);
    const send = (...names: string[]) => talk.mail('x@y.example', to(...names), MAIL);
    expect(await send('alice', 'bob')).toMatch(/^451 4\.3\.0 Some/);
    expect(await send('carol')).toMatch(/^250 /);
    expect(await send('alice', 'bob')).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('alice', 'carol', 'bob'));
  });

  test('that is larger than a body is brought once for all, before the mails that name it, and not again', async () => {
    const later: Submission = { status: 'unavailable', detail: '', retryAfterMs: 1 };
    await using world = await MemoryDoor.open({ answers: { bob: [later] } });
    await using talk = await SmtpTalk.open(world.door.port);
    const large = `Subject: large\r\n\r\n${`${'x'.repeat(1_022)}\r\n`.repeat(3 * 1_024)}`;
    const send = () => talk.mail('x@y.example', to('alice', 'bob'), large);
    expect(await send()).toMatch(/^451 4\.3\.0 Some/);
    expect(world.pieces.map(({ number }) => number)).toEqual([0, 1, 2, 3, 4]);
    expect(await send()).toMatch(/^250 /);
    expect(world.pieces).toHaveLength(5);
    const attached = world.taken.map(({ pdu }) => pdu.attached);
    expect(world.recipients).toEqual(to('alice', 'bob'));
    expect(attached[0]).toMatchObject([{ list: toHex(world.pieces[0]?.list ?? new Uint8Array(0)) }]);
    expect(attached[1]).toEqual(attached[0]);
  });

  test('that is larger than a body brings nothing for somebody who has no room for it', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    for (const command of ['MAIL FROM:<>', `RCPT TO:<${to('alice')[0]}>`, 'DATA']) await talk.ask(command);
    world.fill('alice');
    talk.send(`\r\n${`${'x'.repeat(1_022)}\r\n`.repeat(3 * 1_024)}.\r\n`);
    expect(await talk.read()).toMatch(/^452 4\.2\.2 /);
    expect(world.pieces).toEqual([]);
  });

  test('that is larger than a body goes to those behind somebody who has no room for it', async () => {
    await using world = await MemoryDoor.open({ answers: { alice: [{ status: 'over_quota', detail: '' }] } });
    await using talk = await SmtpTalk.open(world.door.port);
    const send = async (): Promise<string> => {
      const envelope = ['MAIL FROM:<x@y.example>', ...to('alice', 'bob').map((address) => `RCPT TO:<${address}>`)];
      for (const command of [...envelope, 'DATA']) await talk.ask(command);
      world.fill('alice');
      talk.send(`\r\n${`${'x'.repeat(1_022)}\r\n`.repeat(3 * 1_024)}.\r\n`);
      const answer = await talk.read();
      world.empty();
      return answer;
    };
    for (let time = 0; time < 2; time++) {
      expect(await send()).toMatch(/^451 4\.3\.0 Some/);
      expect(world.recipients).toEqual(to('bob'));
    }
    expect(await send()).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('bob', 'alice'));
    expect(world.pieces).toHaveLength(5);
  });

  test('has a hundred recipients and no more, each once', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.ask('MAIL FROM:<x@y.example>')).toMatch(/^250 /);
    for (let i = 0; i < RECIPIENTS_MAX; i++) expect(await talk.ask(`RCPT TO:<a${i}@home.example>`)).toMatch(/^250 /);
    expect(await talk.ask('RCPT TO:<one-more@home.example>')).toMatch(/^452 4\.5\.3 /);
    expect(await talk.ask('RSET')).toMatch(/^250 /);
    expect(await talk.mail('x@y.example', [...to('alice', 'full'), 'Alice@HOME.example'], MAIL)).toMatch(
      /^452 4\.2\.2 /,
    );
    expect(await talk.ask('RSET')).toMatch(/^250 /);
    expect(await talk.mail('x@y.example', [...to('alice'), 'Alice@HOME.example'], MAIL)).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('alice'));
  });

  test('for the postmaster needs no domain', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('', ['Postmaster'], MAIL)).toMatch(/^250 /);
    expect(world.recipients).toEqual(to('postmaster'));
  });

  test('to somebody of whom the node cannot tell now whether they are there may come again', async () => {
    await using world = await MemoryDoor.open();
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('x@y.example', to('perhaps'), MAIL)).toMatch(/^451 4\.1\.1 /);
    expect(await talk.ask('RSET')).toMatch(/^250 /);
    expect(await talk.mail('x@y.example', to('nobody'), MAIL)).toMatch(/^550 5\.1\.1 /);
    expect(world.door.status).toMatchObject({ refused: 1, deferred: 1 });
  });

  test('is counted with what became of it, by reason, and by nobody’s name', async () => {
    await using world = await MemoryDoor.open({ answers: { bob: [{ status: 'rate_limited', retryAfterMs: 1 }] } });
    await using talk = await SmtpTalk.open(world.door.port);
    expect(await talk.mail('x@y.example', to('alice'), MAIL)).toMatch(/^250 /);
    expect(await talk.mail('x@y.example', to('bob'), MAIL)).toMatch(/^451 /);
    expect(await talk.mail('x@y.example', ['x@elsewhere.example'], MAIL)).toMatch(/^550 /);
    expect(await talk.ask('RSET')).toMatch(/^250 /);
    expect(await talk.mail('x@y.example', to('alice'), 'a\nb')).toMatch(/^550 /);
    const size = `${MAIL}\r\n`.length;
    expect(world.door.status).toMatchObject({ accepted: 1, bytes: size, refused: 2, deferred: 1, connections: 1 });
    const text = await world.registry.metrics();
    expect(text).toMatch(/^restante_smtp_refused_total\{reason="notForUs"\} 1$/m);
    expect(text).toMatch(/^restante_smtp_refused_total\{reason="bareLineEnd"\} 1$/m);
    expect(text).toMatch(/^restante_smtp_deferred_total\{reason="notNow"\} 1$/m);
    expect(text).toMatch(/^restante_smtp_message_seconds_count 2$/m);
    expect(text).not.toContain('example');
  });

  test('is written and answered before the door closes, and others hear that it does', async () => {
    const [submitted, written] = [gate(), gate()];
    const { door, taken } = await MemoryDoor.open({
      beforeAnswer: () => {
        submitted.open();
        return written.passed;
      },
    });
    await using busy = await SmtpTalk.open(door.port);
    await using idle = await SmtpTalk.open(door.port);
    for (const command of ['MAIL FROM:<>', `RCPT TO:<${to('alice')[0]}>`, 'DATA']) await busy.ask(command);
    busy.send(`${MAIL}\r\n.\r\n`);
    await submitted.passed;
    const closed = door[Symbol.asyncDispose]();
    expect(await idle.ask('MAIL FROM:<>')).toMatch(/^421 /);
    written.open();
    expect(await busy.read()).toMatch(/^250 /);
    await closed;
    expect(taken).toHaveLength(1);
    expect(await busy.read()).toMatch(/^421 /);
    expect(await idle.read()).toBe('closed');
  });
});

/** Doors at several nodes of one home: mail may come to any of them, also while the node that made the accounts is away. */
import { expect, test } from 'vitest';
import { Sandbox } from '../cli/command-line.ts';
import { freePort, PASSWORD } from '../harness/home-process.ts';
import { until } from '../harness/live-fleet.ts';
import { SmtpTalk } from '../harness/smtp-talk.ts';

test('a second node has a door of its own, whose mail everybody reads, and that goes on while the first is away', async () => {
  await using sandbox = await Sandbox.open();
  // Kept: whoever knows a node finds it again after its start.
  const ports = { a: await freePort(), b: await freePort() };
  const start = async (name: 'a' | 'b') => {
    const running = sandbox.start([
      ...['node', '--json', '--data', sandbox.path(name), '--port', String(ports[name]), '--smtp-port', '0'],
      ...['--registration', 'open', '--log-level', 'error', '--smtp-dns', '127.0.0.1:1'],
    ]);
    const { home, node, smtp } = await running.next();
    return { running, home: String(home), node: String(node), smtp: Number(smtp) };
  };
  const as = async (...args: string[]) => {
    const finished = await sandbox.run([...args, '--json'], { environment: PASSWORD });
    if (finished.code !== 0) throw new Error(`${args.join(' ')}: ${finished.stdout}${finished.stderr}`);
    return finished.lines;
  };
  const first = await start('a');
  const alice = `alice@${first.home}`;
  await as('account', 'new', alice, '--node', first.node);
  const [{ token } = {}] = await as('fleet', 'token', '--data', sandbox.path('a'));
  await as('fleet', 'join', first.node, '--token', String(token), '--name', 'b', '--data', sandbox.path('b'));

  const second = await start('b');
  await using talk = await SmtpTalk.open(second.smtp);
  const send = (via: SmtpTalk, subject: string) => via.mail('', ['alice@localhost'], `Subject: ${subject}\r\n\r\nx`);
  expect(await send(talk, 'by the second')).toMatch(/^250 /);
  await using other = await SmtpTalk.open(first.smtp);
  expect(await send(other, 'by the first')).toMatch(/^250 /);
  const list = async () => {
    await as('sync');
    return (await as('list')).map(({ author, outside, subject }) => ({ author, outside, subject }));
  };
  // What came to the second is copied to the first, which this person reads, in a moment.
  await until('both mails', async () => (await list()).length === 2);
  const mails = await list();
  expect(mails.map(({ subject }) => subject).sort()).toEqual(['by the first', 'by the second']);
  expect(mails.every(({ outside }) => outside === true)).toBe(true);
  expect(new Set(mails.map(({ author }) => author)).size).toBe(2); // each door has an account

  await first.running.stop();
  await second.running.stop();
  const again = await start('b');
  await using later = await SmtpTalk.open(again.smtp);
  expect(await send(later, 'while the first is away')).toMatch(/^250 /);
  await until('the mail', async () => (await list()).some(({ subject }) => subject === 'while the first is away'));
  const [author, ...others] = (await list())
    .filter(({ subject }) => subject !== 'by the first')
    .map((mail) => mail.author);
  expect(others).toEqual([author]); // the door of the second is the same after its start
});

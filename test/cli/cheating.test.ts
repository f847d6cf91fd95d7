/** A home that cheats, as its people see it: the real programs, and a wire between them that lies. */
import { expect, test } from 'vitest';
import type { MailboxHead, NodeMessage } from '../../src/protocol/index.ts';
import { changeEntries } from '../harness/cheat.ts';
import { CheatingWire } from '../harness/cheating-wire.ts';
import type { Tamper } from '../harness/client-world.ts';
import { freePort } from '../harness/home-process.ts';
import { type Finished, Sandbox } from './command-line.ts';

const PASSWORD = { RESTANTE_PASSWORD: 'correct horse battery staple' };

function changeHeads(change: (head: MailboxHead) => MailboxHead): Tamper {
  return (message): NodeMessage => {
    if (message.oneofKind === 'complete')
      return { oneofKind: 'complete', complete: { ...message.complete, heads: message.complete.heads.map(change) } };
    if (message.oneofKind === 'head')
      return { oneofKind: 'head', head: { ...message.head, heads: message.head.heads.map(change) } };
    return message;
  };
}

/** Alice wrote three mails to Bob, who has none of them yet; all that Bob hears goes over the wire. */
async function setup() {
  const sandbox = await Sandbox.open();
  const wire = await CheatingWire.open();
  const port = await freePort();
  const where = ['--home', `localhost:${wire.port}`, '--public-url', `http://127.0.0.1:${wire.port}`];
  const up = ['node', '--port', String(port), ...where, '--registration', 'open', '--json'];
  const { home } = await sandbox.start([...up, '--data', sandbox.path('home')]).next();
  wire.nodeUrl = `ws://127.0.0.1:${port}/client`;
  const [alice, bob] = [`alice@${home}`, `bob@${home}`];
  const url = `ws://127.0.0.1:${wire.port}/client`;
  const run = (...args: string[]): Promise<Finished> => sandbox.run(args, { environment: PASSWORD });
  const as = async (who: string, ...args: string[]): Promise<Finished> => {
    const finished = await run(...args, '--address', who);
    expect(finished.code, finished.stderr).toBeLessThan(2);
    return finished;
  };
  for (const who of [alice, bob]) expect(await run('account', 'new', who, '--node', url)).toMatchObject({ code: 0 });
  for (const subject of ['one', 'two', 'three'])
    expect(await as(alice, 'send', '--to', bob, '--subject', subject, '--body', 'x')).toMatchObject({
      code: 0,
      stderr: '',
    });
  return {
    wire,
    alice,
    bob,
    as,
    async [Symbol.asyncDispose]() {
      await sandbox[Symbol.asyncDispose]();
      await wire[Symbol.asyncDispose]();
    },
  };
}

test('an alarm is a warning when it comes, and stands in every report until it is over', async () => {
  await using made = await setup();
  const { as, bob, wire } = made;
  wire.tamper = changeEntries((entry) => (entry.number === 2 ? undefined : entry));
  const synced = await as(bob, 'sync');
  expect(synced.stderr).toMatch(/^warning: withheld /m);
  expect(synced.stdout).toMatch(/2 new messages[\s\S]*alarm withheld [\s\S]*restante doctor/);
  const json = await as(bob, 'report', '--json');
  expect(json.lines).toMatchObject([
    { complete: false, missing: 1, alarms: [{ code: 'withheld', subject: expect.stringMatching(/^[0-9a-f]{64}$/) }] },
  ]);
  const doctor = await as(bob, 'doctor', '--json');
  expect(doctor).toMatchObject({ code: 1, lines: [{ ok: false }] });
  expect(doctor.lines[0]?.checks).toContainEqual(
    expect.objectContaining({ name: 'alarm', ok: false, detail: expect.stringMatching(/^withheld /) }),
  );
  wire.tamper = (message) => message;
  const after = await as(bob, 'sync', '--json');
  expect(after.lines).toMatchObject([{ complete: true, missing: 0, new: 1 }]);
  expect(after.lines[0]).not.toHaveProperty('alarms');
});

test('each kind of lie about a mailbox has its name, with --json too', async () => {
  await using made = await setup();
  const { as, bob, wire } = made;
  const lie = async (tamper: Tamper): Promise<unknown> => {
    wire.tamper = tamper;
    const { lines, stdout } = await as(bob, 'sync', '--json');
    expect(lines, stdout).toHaveLength(1);
    return (lines[0]?.alarms as { code: string }[] | undefined)?.map(({ code }) => code);
  };
  const wrongBody = changeEntries((entry) => (entry.number === 3 ? { ...entry, body: Uint8Array.of(1) } : entry));
  const noBody: Tamper = (message) =>
    message.oneofKind === 'body' ? { oneofKind: 'body', body: { ...message.body, body: Uint8Array.of(1) } } : message;
  expect(await lie((message) => noBody(wrongBody(message) as NodeMessage))).toEqual(['wrong_body']);
  const unsigned = changeHeads((head) => ({ ...head, number: head.number + 1 }));
  expect(await lie(unsigned)).toContain('bad_head');
  const moved = changeEntries((entry) => ({ ...entry, index: entry.index + 40 }));
  const { alice } = made;
  wire.tamper = (message) => message;
  await as(alice, 'send', '--to', bob, '--subject', 'four', '--body', 'x');
  expect(await lie(moved)).toContain('renumbered');
});

test('nothing is encrypted to a key that its chain does not confirm, and the command says why', async () => {
  await using made = await setup();
  const { alice, as, bob, wire } = made;
  const own = (document: Uint8Array): boolean => Buffer.from(document).toString().includes(`"${alice}"`);
  const home = (document: Uint8Array): boolean => Buffer.from(document).toString().includes('"nodes"');
  wire.tamper = (message) =>
    message.oneofKind === 'chain'
      ? {
          oneofKind: 'chain',
          chain: { ...message.chain, documents: message.chain.documents.filter((doc) => own(doc) || home(doc)) },
        }
      : message;
  const shown = await as(alice, 'key', 'show', bob, '--json');
  expect(shown.lines).toMatchObject([{ alarm: 'chain_rolled_back' }]);
  const sent = await as(alice, 'send', '--to', bob, '--body', 'secret', '--json');
  expect(sent).toMatchObject({ code: 1, lines: [{ error: { code: 'standing_alarm', fix: expect.any(String) } }] });
});

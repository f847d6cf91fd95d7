/** What is done to threads in the page, without a browser: the order in which the hub hears of it, and what is said. */
import { expect, test } from 'vitest';
import type { Answers, MethodCall } from '../../web/src/jmap/connection.ts';
import type { EmailHead, Mailbox } from '../../web/src/jmap/objects.ts';
import { Filing, type FilingDeps } from '../../web/src/state/filing.ts';
import type { ThreadRow } from '../../web/src/state/thread-list.svelte.ts';
import { en } from '../../web/src/texts/en.ts';

const ROLES: Readonly<Record<string, readonly string[]>> = {
  whole: ['inbox', 'archive', 'trash'],
  // As at providers that have a folder for all mail, and none for an archive.
  bare: ['inbox', 'trash'],
};

const mailbox = (role: string): Mailbox => ({
  ...{ id: role, name: role, parentId: null, role, sortOrder: 0 },
  ...{ totalThreads: 1, unreadThreads: 0, totalEmails: 1, unreadEmails: 0 },
});

function thread(accountId: string, id: string): ThreadRow {
  const head: EmailHead = {
    ...{ id, threadId: id, mailboxIds: { inbox: true }, keywords: {}, receivedAt: '2026-01-01T00:00:00Z' },
    ...{ from: null, to: null, cc: null, subject: id, preview: '', hasAttachment: false },
  };
  return { key: `${accountId}:${id}`, accountId, head, emails: [head] };
}

interface Asked {
  readonly args: { readonly update?: object; readonly destroy?: readonly string[] };
  readonly answer: () => void;
}

/** The line is cut open: what would go to a hub is held until a test answers it. */
function setup(): {
  filing: Filing;
  asked: readonly Asked[];
  said: readonly string[];
  undos: readonly (() => void | Promise<void>)[];
} {
  const asked: Asked[] = [];
  const said: string[] = [];
  const undos: (() => void | Promise<void>)[] = [];
  const call = (calls: readonly MethodCall[]): Promise<Answers> =>
    new Promise((resolve) => {
      asked.push({ args: calls[0]?.[1] as Asked['args'], answer: () => resolve(new Map([['set', {}]])) });
    });
  const roleOf = (id: string, role: string): Mailbox | undefined =>
    ROLES[id]?.includes(role) === true ? mailbox(role) : undefined;
  const deps: FilingDeps = {
    line: { attempt: (work) => work({ call }) },
    notices: {
      say: (text, undo) => {
        if (undo !== undefined) undos.push(undo);
        return said.push(text);
      },
      problem: (text) => said.push(text),
    },
    texts: { t: en },
    account: (id) => ({
      ...{ id, name: `${id}@x.example` },
      mailboxes: { role: (role) => roleOf(id, role), byId: (role = '') => roleOf(id, role) },
    }),
    list: () => ({
      place: { accountId: undefined, mailboxId: undefined, role: 'inbox', filters: undefined },
      drop: () => undefined,
      patch: () => undefined,
      refresh: () => undefined,
    }),
  };
  return { filing: new Filing(deps), asked, said, undos };
}

test('what is taken back goes to the hub after what was done, however long that is on its way', async () => {
  const { asked, filing, said, undos } = setup();
  const doing = filing.toRole([thread('whole', 'a')], 'archive');
  await expect.poll(() => asked.length).toBe(1);
  expect(said).toEqual(['Archived']);
  const undoing = undos[0]?.();
  await new Promise(setImmediate); // all that could go now has gone
  expect(asked.map(({ args }) => args)).toMatchObject([{ update: { a: { 'mailboxIds/archive': true } } }]);
  asked[0]?.answer();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]?.args).toMatchObject({ update: { a: { 'mailboxIds/inbox': true, 'mailboxIds/archive': null } } });
  asked[1]?.answer();
  await Promise.all([doing, undoing]);
});

test('an account without such a mailbox is named, and only what was moved is counted', async () => {
  const { asked, filing, said } = setup();
  const doing = filing.toRole([thread('whole', 'a'), thread('bare', 'b')], 'archive');
  await expect.poll(() => asked.length).toBe(1);
  expect(said).toEqual(['bare@x.example has no mailbox for this.', 'Archived']);
  asked[0]?.answer();
  await doing;
});

test('more than a hub takes at once is deleted for ever in several requests', async () => {
  const { asked, filing, said } = setup();
  const rows = Array.from({ length: 501 }, (_, index) => thread('whole', `m${index}`));
  const doing = filing.destroy(rows);
  await expect.poll(() => asked.length).toBe(1);
  expect(asked[0]?.args.destroy?.length).toBe(500);
  asked[0]?.answer();
  await expect.poll(() => asked.length).toBe(2);
  expect(asked[1]?.args.destroy).toEqual(['m500']);
  asked[1]?.answer();
  await doing;
  expect(said).toEqual(['501 deleted for ever']);
});

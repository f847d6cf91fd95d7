/** The page's own formats, which need no browser: light marks as HTML, and mailboxes as one file. */
import { expect, test } from 'vitest';
import { filesBeside, filesOf } from '../../web/src/format/files.ts';
import { letterOf } from '../../web/src/format/mailto.ts';
import { markupHtml } from '../../web/src/format/markup.ts';
import { mboxEntry, messagesIn } from '../../web/src/format/mbox.ts';
import type { Mailbox } from '../../web/src/jmap/objects.ts';
import { MethodRefusal, Refusal, Unreachable } from '../../web/src/jmap/refusal.ts';
import { searchFilters } from '../../web/src/state/search-query.ts';
import { de as accountDe } from '../../web/src/texts/account/de.ts';
import { en as accountEn } from '../../web/src/texts/account/en.ts';
import { de } from '../../web/src/texts/de.ts';
import { en } from '../../web/src/texts/en.ts';
import { de as operatorDe } from '../../web/src/texts/operator/de.ts';
import { en as operatorEn } from '../../web/src/texts/operator/en.ts';
import { reasonOf } from '../../web/src/texts/reason.ts';

test('plain text without marks has no second form', () => {
  for (const text of ['', 'Hello,\n\nsee you at 5 * 3 * 2.\n', 'snake_case_name and 2**10**3', '> quoted\n> words'])
    expect(markupHtml(text)).toBeUndefined();
});

test('marks become HTML, and nothing that is typed becomes markup of its own', () => {
  const html =
    markupHtml(
      '**bold** & _leaning_ <b>x</b>\n\n- one\n- [two](https://x.example/?a=1&b="2)\n\n1. first\n\n> **said**',
    ) ?? '';
  expect(html).toContain('<p><strong>bold</strong> &amp; <em>leaning</em> &lt;b&gt;x&lt;/b&gt;</p>');
  expect(html).toContain('<ul>\n<li>one</li>\n<li><a href="https://x.example/?a=1&amp;b=&quot;2">two</a></li>\n</ul>');
  expect(html).toContain('<ol>\n<li>first</li>\n</ol>');
  expect(html).toContain('<blockquote type="cite">\n<p><strong>said</strong></p>\n</blockquote>');
  expect(markupHtml('**x** [y](javascript:alert(1))')).not.toContain('<a');
});

test('messages of a mailbox file come back to the byte', async () => {
  const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
  const messages = [
    encode('Subject: a\r\n\r\nFrom the start\r\n>From once\r\n>>From twice\r\n'),
    Uint8Array.from([83, 58, 32, 255, 10, 10, 0, 128, 13, 10]),
    encode('Subject: c\n\nFrom \n\nFrom x\n'),
  ];
  const entries = messages.map((message) => mboxEntry(message, 'a@x.example', new Date(0)));
  const file = new Blob(entries);
  expect((await file.text()).startsWith('From a@x.example Thu Jan  1 00:00:00 1970\n')).toBe(true);
  const back: Uint8Array[] = [];
  for await (const message of messagesIn(file)) back.push(message);
  expect(back).toEqual(messages);
  const single: Uint8Array[] = [];
  for await (const message of messagesIn(new Blob([messages[0] as Uint8Array<ArrayBuffer>]))) single.push(message);
  expect(single).toEqual([messages[0]]);
});

test('a link begins a letter with all that it says, and stray percent signs harm nothing', () => {
  const href =
    'mailto:list@x.example,Ann%20Lee%20%3Cann@x.example%3E?subject=Off%20please&cc=c@x.example&body=a%0D%0Ab=%';
  expect(letterOf(href)).toEqual({
    to: [
      { name: null, email: 'list@x.example' },
      { name: 'Ann Lee', email: 'ann@x.example' },
    ],
    cc: [{ name: null, email: 'c@x.example' }],
    bcc: [],
    subject: 'Off please',
    text: 'a%0D%0Ab=%',
  });
  expect(letterOf('MAILTO:a@x.example?body=a%0D%0Ab')).toMatchObject({ to: [{ email: 'a@x.example' }], text: 'a\nb' });
  expect(letterOf('https://x.example/?mailto:a@x.example')).toBeUndefined();
});

test('every file of an email is beside its text, but for pictures that the text shows', () => {
  const part = (partId: string, type: string, cid: string | null = null, disposition: string | null = 'inline') => ({
    ...{ partId, type, cid, disposition },
    ...{ blobId: `b${partId}`, size: 1, name: null, charset: null },
  });
  const words = part('1', 'text/html');
  const email = {
    textBody: [words, part('2', 'image/jpeg')],
    htmlBody: [words, part('2', 'image/jpeg')],
    attachments: [
      part('3', 'image/png', 'shown@x'),
      part('4', 'image/png', 'nowhere@x'),
      part('5', 'application/pdf', 'shown-too@x'),
      part('6', 'text/plain', null, 'attachment'),
    ],
  };
  const html = ['<img src="cid:shown@x"><a href="cid:shown-too@x">the contract</a>'];
  expect(filesBeside(email, html).map(({ partId }) => partId)).toEqual(['2', '4', '5', '6']);
  expect(filesOf(email).map(({ partId }) => partId)).toEqual(['2', '3', '4', '5', '6']);
});

const box = (id: string, role: string | null, name = id): Mailbox => ({
  ...{ id, role, name, parentId: null, sortOrder: 0 },
  ...{ totalThreads: 1, unreadThreads: 0, totalEmails: 1, unreadEmails: 0 },
});

test('what is looked for is in no trash and no junk, unless it is said where to look: in each account by its own mailboxes', () => {
  const accounts = [
    { id: 'a', mailboxes: { all: [box('a-in', 'inbox'), box('a-bin', 'trash'), box('a-spam', 'junk')] } },
    { id: 'b', mailboxes: { all: [box('b-in', 'inbox'), box('b-bin', 'trash'), box('b-garden', null, 'Garden')] } },
  ];
  const oars = { text: 'oars' };
  const all = (...conditions: object[]): object => ({ operator: 'AND', conditions });
  const none = { operator: 'OR', conditions: [] };
  const [notBinA, notBinB] = [{ inMailboxOtherThan: ['a-bin', 'a-spam'] }, { inMailboxOtherThan: ['b-bin'] }];
  expect(searchFilters('oars', accounts)).toEqual({ a: all(oars, notBinA), b: all(oars, notBinB) });
  const unread = { notKeyword: '$seen' };
  expect(searchFilters('is:unread', accounts)).toEqual({ a: all(unread, notBinA), b: all(unread, notBinB) });
  expect(searchFilters('in:trash oars', accounts)).toEqual({
    a: all({ inMailbox: 'a-bin' }, oars),
    b: all({ inMailbox: 'b-bin' }, oars),
  });
  expect(searchFilters('oars in:anywhere', accounts)).toEqual({ a: all(oars, all()), b: all(oars, all()) });
  expect(searchFilters('label:garden', accounts)).toEqual({ a: all(none), b: all({ inMailbox: 'b-garden' }) });
  expect(searchFilters('-in:garden', accounts)).toEqual({
    a: all({ operator: 'NOT', conditions: [none] }, notBinA),
    b: all({ operator: 'NOT', conditions: [{ inMailbox: 'b-garden' }] }, notBinB),
  });
  // No operator, and no mailbox of anybody: words.
  expect(searchFilters('in:cellar', [accounts[0] as (typeof accounts)[0]])).toEqual({
    a: all({ text: 'in:cellar' }, notBinA),
  });
});

test('why something was not done is said in the page’s language; what it has no text for, as the hub says it', () => {
  const reasons = (messages: typeof en): string[] =>
    [
      new Unreachable(undefined),
      new Refusal(503, 'busy', 'much is under way'),
      new Refusal(403, 'forbidden', 'this login does not allow to write'),
      new MethodRefusal('overQuota', 'no room'),
      new MethodRefusal('tooManyRecipients', 'at most 100 recipients'),
      new Refusal(409, 'of_tomorrow', 'a new word'),
      new Error('the disk is full'),
    ].map((error) => reasonOf(error, messages));
  expect(reasons(en)).toEqual([
    ...[en.reasons.unreachable, en.reasons.later, en.reasons.forbidden, en.reasons.full, en.reasons.tooManyRecipients],
    ...['a new word', 'the disk is full'],
  ]);
  expect(reasons(de)).toEqual([
    ...[de.reasons.unreachable, de.reasons.later, de.reasons.forbidden, de.reasons.full, de.reasons.tooManyRecipients],
    ...['a new word', 'the disk is full'],
  ]);
});

test('one is said in the singular, in each language', () => {
  const ones = [en, de].map(({ tooManyTries }) => tooManyTries(1));
  for (const { exported, exportMissed, importRefused, imported } of [accountEn, accountDe])
    ones.push(exported(1), exportMissed(1), imported(1), importRefused(1));
  for (const { figures, notCopied, stuck } of [operatorEn, operatorDe])
    ones.push(figures(1, 1, 1), notCopied('n1', 1), stuck('x.example', 1));
  for (const sentence of ones) expect(sentence).not.toMatch(/\b1 /);
  expect(accountDe.imported(1_200)).toBe('1.200 Nachrichten ins Archiv importiert.');
  expect(operatorDe.notCopied('n1', 2)).toBe('Der Kopie des Feeds von n1 fehlen 2 Blöcke.');
});

import { expect, test } from 'vitest';
import { parseAddress, parseFeedId, parseHomeName } from '../protocol/index.ts';
import { problem, viewPlace } from './problem.ts';
import { accountCandidates, accountKey, foldedKey, headKey, mailboxKey, outboxKey, vaultKey } from './view-keys.ts';

const alice = parseAddress('alice@home.example');
const feed = parseFeedId('1f'.repeat(32));

test('a view row is named by what it is, whose, and where', () => {
  expect([
    viewPlace(mailboxKey(alice, feed, 17)),
    viewPlace(headKey(alice, feed)),
    viewPlace(accountKey(alice, 2)),
    viewPlace(accountCandidates(alice, 2)),
    viewPlace(vaultKey(alice)),
    viewPlace(outboxKey(parseHomeName('far.example'), feed, 3)),
    viewPlace(foldedKey(feed)),
    viewPlace(Uint8Array.from(Buffer.from('VZ invented'))),
    viewPlace(Uint8Array.of(0x56)),
  ]).toEqual([
    'mailbox alice@home.example, feed 1f1f1f1f1f1f1f1f, 17',
    'head of mailbox alice@home.example, feed 1f1f1f1f1f1f1f1f',
    'account alice@home.example, 0000000000000002',
    'candidates of account alice@home.example, 0000000000000002',
    'vault record of alice@home.example',
    'outbox for far.example, feed 1f1f1f1f1f1f1f1f, 3',
    `folded length of feed ${'1f'.repeat(32)}`,
    'row 20696e76656e746564',
    'row ',
  ]);
});

test('every problem comes with what to do', () => {
  expect(problem('node_hash', 'feed 1f, block 2', 'it differs').fix).toContain('restante repair');
});

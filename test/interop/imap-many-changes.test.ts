/** All messages of a folder changed at once by another program: they are told some at a time, whatever the server can say. */
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { syncFolder } from '../../src/hub/agents/imap/folder-sync.ts';
import { connectImap } from '../../src/hub/agents/imap/imap-connection.ts';
import type { FolderMark, ImapAgentCalls, ImapToldCalls } from '../../src/hub/agents/imap/imap-protocol.ts';
import { HEADER_BATCH } from '../../src/hub/agents/imap/limits.ts';
import { AgentLine, type Handlers } from '../../src/hub/agents/line.ts';
import { Dovecot, PASSWORD, skipsWithoutDovecot } from '../harness/dovecot.ts';
import { message } from '../harness/imap-mail.ts';

const COUNT = 2 * HEADER_BATCH + 50;
const never = new AbortController().signal;

// Dovecot is a program of the machine, which skipsWithoutDovecot tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutDovecot('many changes of a folder'))('flags of all messages of a folder', () => {
  test('are told some at a time by a server with QRESYNC, and all of them', async () => {
    await using dovecot = await Dovecot.open();
    const settings = { host: '127.0.0.1', port: dovecot.imapPort, user: 'alice', secret: PASSWORD };
    const client = await connectImap({ ...settings, security: 'none', auth: 'password' }, never);
    for (let at = 0; at < COUNT; at++) await client.append('INBOX', message(`m${at}`));
    const told: { readonly keywords: readonly string[] }[][] = [];
    let mark: FolderMark | undefined;
    const { port1, port2 } = new MessageChannel();
    const answering: Pick<Handlers<ImapToldCalls>, 'opened' | 'messages' | 'present' | 'changes' | 'synced'> = {
      opened: async () => ({ known: mark === undefined ? 0 : COUNT, mark }),
      messages: async () => ({}),
      present: async () => ({ missing: new Uint32Array(0) }),
      changes: async ({ flags }) => {
        told.push([...flags]);
        return { missing: new Uint32Array(0), known: COUNT };
      },
      synced: async (synced) => {
        mark = synced.mark;
        return {};
      },
    };
    using _ = new AgentLine({ log: SILENT_LOG, port: port1 }, answering as Handlers<ImapToldCalls>);
    using line = new AgentLine<ImapToldCalls, ImapAgentCalls>({ log: SILENT_LOG, port: port2 }, {} as never);
    const deps = { client, line, onLeft: () => undefined };
    const turn = { path: 'INBOX', unseen: undefined, readsAllFlags: false };
    await syncFolder(deps, turn, never);
    told.length = 0;
    await client.mailboxOpen('INBOX');
    await client.messageFlagsAdd('1:*', ['\\Seen']);
    await syncFolder(deps, turn, never);
    expect(told.flat().filter(({ keywords }) => keywords.includes('$seen'))).toHaveLength(COUNT);
    expect(Math.max(...told.map((flags) => flags.length))).toBeLessThanOrEqual(HEADER_BATCH);
    client.close();
    port1.close();
  });
});

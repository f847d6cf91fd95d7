/**
 * A node that cheats: the real node with its frames changed on the way to the real client, signed with the node's own key
 * where the node itself would sign. And the client that is to see it.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Dialer, fromHex, type KeyPair } from '../../src/base/index.ts';
import { type AlarmCode, Client, type DeviceProfile } from '../../src/client/index.ts';
import {
  type ClientMessage,
  decodeClientMessage,
  type Entry,
  feedIdOf,
  headBytes,
  type MailboxHead,
  type NodeMessage,
} from '../../src/protocol/index.ts';
import type { Store } from '../../src/store/index.ts';
import { InThreadBodyWorker } from '../../src/vault/index.ts';
import { type ClientWorld, NODE_URL, never, type Tamper } from './client-world.ts';

export interface OpenedClient extends AsyncDisposable {
  readonly client: Client;
  /** Every frame that left this device. */
  readonly sent: readonly ClientMessage[];
  close(): Promise<void>;
}

/** The client of a device, its outgoing frames recorded. */
export async function openClient(
  world: ClientWorld,
  { store, profile }: { readonly store: Store; readonly profile: DeviceProfile },
): Promise<OpenedClient> {
  const sent: ClientMessage[] = [];
  const dialer: Dialer = {
    dial: async (url, signal) => {
      const socket = await world.dialer.dial(url, signal);
      const send = socket.send.bind(socket);
      socket.send = (frame) => {
        sent.push(decodeClientMessage(frame));
        return send(frame);
      };
      return socket;
    },
  };
  const { random, prng } = world;
  const { clock } = world.node;
  const client = await Client.open(
    {
      ...world.setupDeps(store),
      dialer,
      prng,
      openVault: (secrets) => Promise.resolve(new InThreadBodyWorker({ clock, random }, { secrets })),
      saveProfile: () => Promise.resolve(),
    },
    { profile, nodeUrl: NODE_URL, autoConnect: true },
  );
  const close = (): Promise<void> => client[Symbol.asyncDispose]();
  return { client, sent, close, [Symbol.asyncDispose]: close };
}

/** Lets the world's clock go with the real one until `work` is done. */
export async function drive<Result>(world: ClientWorld, work: Promise<Result>): Promise<Result> {
  let done = false;
  const settled = work.finally(() => {
    done = true;
  });
  settled.catch(() => undefined); // whoever called hears it
  for (let at = performance.now(); !done; ) {
    // The client decrypts in threads, which the world's clock does not move: a turn of the loop lets their answers in.
    await new Promise((resolve) => setImmediate(resolve));
    const now = performance.now();
    await world.node.clock.advance(now - at);
    at = now;
  }
  return settled;
}

/** The client follows the node, which cheats, until it raised the alarm. */
export async function driveUntilAlarm(world: ClientWorld, client: Client, code: AlarmCode): Promise<void> {
  const raised = new Promise<void>((resolve) => {
    if (client.alarms.some((alarm) => alarm.code === code)) resolve();
    client.events.on('alarm', (alarm) => {
      if (alarm.code === code) resolve();
    });
  });
  // A node that contradicts itself is left, so the sync may end without an answer.
  client.sync({ signal: never }).catch(() => undefined);
  const inTime = AbortSignal.timeout(20_000);
  const late = new Promise<never>((_, reject) => {
    inTime.addEventListener('abort', () => {
      const standing = client.alarms.map((alarm) => alarm.code).join(', ');
      reject(new Error(`no alarm ${code}; there stands: ${standing === '' ? 'none' : standing}`));
    });
  });
  await drive(world, Promise.race([raised, late]));
}

export function nodeKeyOf(world: ClientWorld): Promise<KeyPair> {
  return readKey(world, 'node.key');
}

export function homeKeyOf(world: ClientWorld): Promise<KeyPair> {
  return readKey(world, 'home.key');
}

async function readKey(world: ClientWorld, file: string): Promise<KeyPair> {
  const seed = await readFile(join(world.node.folder, 'keys', file), 'utf8');
  return world.node.suite.keyPair(fromHex(seed.trim()));
}

/** Changes every entry that passes; those for which `change` gives undefined are left out. */
export function changeEntries(change: (entry: Entry) => Entry | undefined): Tamper {
  return (message) => {
    if (message.oneofKind !== 'entries') return message;
    const entries = message.entries.entries.map(change).filter((entry) => entry !== undefined);
    return { oneofKind: 'entries', entries: { ...message.entries, entries } };
  };
}

/** Changes every head that passes, and signs it with `key`. */
export function changeHeads(
  world: ClientWorld,
  name: string,
  key: KeyPair,
  change: (head: MailboxHead) => Partial<MailboxHead>,
): Tamper {
  const sign = (head: MailboxHead): MailboxHead => {
    const changed = { ...head, ...change(head) };
    const signed = headBytes(world.node.address(name), { ...changed, feed: feedIdOf(changed.feed) });
    return { ...changed, signature: world.node.suite.sign(signed, key.secretKey) };
  };
  return (message): NodeMessage => {
    if (message.oneofKind === 'head')
      return { oneofKind: 'head', head: { ...message.head, heads: message.head.heads.map(sign) } };
    if (message.oneofKind === 'complete')
      return { oneofKind: 'complete', complete: { ...message.complete, heads: message.complete.heads.map(sign) } };
    return message;
  };
}

/**
 * Durable submits of 1 KB over 50 connections, author signatures verified, beside Dovecot's LMTP at its best in the same
 * run. Headers are signed before the clock starts: the load generator shares the machine's two cores.
 */

import { ReceiptStatus } from '../src/protocol/index.ts';
import { Dovecot, hasDovecot } from '../test/harness/dovecot.ts';
import { writePdu } from '../test/harness/person.ts';
import { measureLmtp } from './lmtp-load.ts';
import { NodeProcess } from './node-process.ts';
import { random, register, signIn } from './people.ts';

const CONNECTIONS = 50;
const WINDOW = 64;

export async function measureSubmits(messages: number, bodyBytes: number): Promise<number> {
  await using node = await NodeProcess.open();
  const people = await Promise.all(
    Array.from({ length: CONNECTIONS }, (_, i) => register(node.url, `p${i}@${node.home}`)),
  );
  const clients = await Promise.all(people.map((person) => signIn(node.url, person)));
  const perConnection = Math.floor(messages / CONNECTIONS);
  const queues = people.map((person, i) =>
    Array.from({ length: perConnection }, () => {
      const body = random.bytes(bodyBytes);
      const to = people[(i + 1) % people.length]?.address ?? person.address;
      return { pdu: writePdu(random, person, [to], body), body };
    }),
  );
  const startedAt = performance.now();
  await Promise.all(
    clients.map(async (client, i) => {
      const queue = queues[i] ?? [];
      const lane = async (): Promise<void> => {
        for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
          const receipt = await client.submit(next.pdu, next.body);
          if (receipt.status !== ReceiptStatus.OK) throw new Error(`refused: ${JSON.stringify(receipt)}`);
        }
      };
      await Promise.all(Array.from({ length: WINDOW }, lane));
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  for (const client of clients) client.close();
  return (perConnection * CONNECTIONS) / seconds;
}

export async function measureDovecot(): Promise<{ best: number; at: number }> {
  await using dovecot = await Dovecot.open();
  let best = { best: 0, at: 0 };
  for (const connections of [4, 16, 50]) {
    const rate = await measureLmtp({
      port: dovecot.lmtpPort,
      connections,
      messages: 3_000,
      messageBytes: 1024,
      user: (i) => `user${i}`,
    });
    if (rate > best.best) best = { best: rate, at: connections };
  }
  return best;
}

export async function benchSubmit(): Promise<Record<string, number>> {
  const ours = await measureSubmits(50_000, 1024);
  if (!hasDovecot()) return { submitsPerSecond: ours };
  const peer = await measureDovecot();
  return {
    submitsPerSecond: ours,
    dovecotLmtpPerSecond: peer.best,
    dovecotConnections: peer.at,
    ratio: ours / peer.best,
  };
}

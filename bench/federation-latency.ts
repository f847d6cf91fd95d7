/** How long a mail takes from its submit at one home until a client of another home is pushed it, at a calm rate. */
import { type Address, ReceiptStatus } from '../src/protocol/index.ts';
import { writePdu } from '../test/harness/person.ts';
import type { TwoHomes } from './federation-load.ts';
import { random, signIn } from './people.ts';

const MAILS = 1_000;
const WARM_UP_MAILS = 100;
const PER_SECOND = 50;
const BODY_BYTES = 4096;

export async function measureLatency(
  homes: TwoHomes,
): Promise<{ readonly pushP50Ms: number; readonly pushP99Ms: number }> {
  const [author] = homes.load.people;
  const [reader] = homes.readers;
  if (author === undefined || reader === undefined) throw new Error('two homes have people');
  const client = await signIn(homes.sender.url, author);
  const sentAt = new Map<string, number>();
  const tookMs: number[] = [];
  let finished: () => void = () => undefined;
  const finish = new Promise<void>((resolve) => {
    finished = resolve;
  });
  reader.client.onEntries = (_request, entries) => {
    const now = performance.now();
    for (const { pdu } of entries) {
      const startedAt = sentAt.get(nameOf(pdu));
      if (startedAt !== undefined) tookMs.push(now - startedAt);
    }
    if (tookMs.length >= MAILS + WARM_UP_MAILS) finished();
  };
  await reader.client.follow();
  const startedAt = performance.now();
  const submits: Promise<void>[] = [];
  for (let i = 0; i < MAILS + WARM_UP_MAILS; i++) {
    const body = random.bytes(BODY_BYTES);
    const pdu = writePdu(random, author, [reader.address as Address], body);
    await until(startedAt + (1_000 * i) / PER_SECOND);
    sentAt.set(nameOf(pdu.header), performance.now());
    submits.push(
      client.submit(pdu, body).then(({ status }) => {
        if (status !== ReceiptStatus.OK) throw new Error(`refused: ${status}`);
      }),
    );
  }
  await Promise.all(submits);
  await finish;
  reader.client.onEntries = undefined;
  client.close();
  homes.alsoSent(reader.address, MAILS + WARM_UP_MAILS);
  const sorted = tookMs.slice(WARM_UP_MAILS).sort((a, b) => a - b);
  return { pushP50Ms: quantile(sorted, 0.5), pushP99Ms: quantile(sorted, 0.99) };
}

function nameOf(pdu: Uint8Array): string {
  return Buffer.from(pdu).toString('latin1');
}

async function until(at: number): Promise<void> {
  const waitMs = at - performance.now();
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
}

function quantile(sorted: readonly number[], part: number): number {
  return sorted[Math.floor(part * (sorted.length - 1))] ?? Number.NaN;
}

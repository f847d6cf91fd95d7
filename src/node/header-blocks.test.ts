import { expect, test } from 'vitest';
import type { FeedLog } from '../feed/index.ts';
import { StoreError, type StoreReader } from '../store/index.ts';
import { HeaderBlocks } from './header-blocks.ts';

const NO_READER = {} as StoreReader; // the log below has its blocks in memory

/** A log of headers (`h`) and bodies (`b`; `x` and `X`: a body and a header that the disk cannot read), and what was read of it. */
function logOf(text: string): { readonly log: Pick<FeedLog, 'getBlocks'>; readonly reads: (readonly number[])[] } {
  const reads: (readonly number[])[] = [];
  const log = {
    getBlocks: async (_: StoreReader, indexes: readonly number[]) => {
      reads.push(indexes);
      if (indexes.some((index) => /x/i.test(text[index] ?? ''))) throw new StoreError('corrupt', 'a damaged block');
      return indexes.map((index) => (index < text.length ? Uint8Array.of(index) : undefined));
    },
  };
  return { log, reads };
}

/** Walks as a fold does: each header says whether a body follows. */
async function walk(text: string): Promise<{ readonly headers: readonly number[]; readonly reads: number }> {
  const { log, reads } = logOf(text);
  const blocks = new HeaderBlocks(log, NO_READER);
  const headers: number[] = [];
  for (let index = 0; ; ) {
    const block = await blocks.read(index);
    if (block === undefined) return { headers, reads: reads.length };
    headers.push(block[0] as number);
    index += /[bx]/.test(text[index + 1] ?? '') ? 2 : 1;
  }
}

test('headers with bodies come by reads that double', async () => {
  const { headers, reads } = await walk('hb'.repeat(100));
  expect(headers).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i));
  expect(reads).toBeLessThan(12);
});

test('headers without bodies come each, whatever lies between', async () => {
  const text = 'hbhhhbhhbhbhbhbhbhbhhhbhbhbh';
  const { headers } = await walk(text);
  expect(headers).toEqual([...text].flatMap((kind, index) => (kind === 'h' ? [index] : [])));
});

test('a damaged body keeps no header back, and a damaged header is no missing one', async () => {
  const text = `hbhbhhxhhx${'hb'.repeat(5)}`;
  expect((await walk(text)).headers).toEqual([...text].flatMap((kind, index) => (kind === 'h' ? [index] : [])));
  await expect(walk('hbhbX')).rejects.toMatchObject({ code: 'corrupt' });
});

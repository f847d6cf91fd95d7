import { expect, test } from 'vitest';
import { ManualClock, SILENT_LOG } from '../../base/index.ts';
import { type KeyRoot, parseHomeName } from '../../protocol/index.ts';
import { KeyRoots } from './key-roots.ts';
import { KEY_ROOTS_INTERVAL_MS } from './limits.ts';

const [OWN, OTHER, THIRD] = ['own.example', 'other.example', 'third.example'].map(parseHomeName) as [
  ReturnType<typeof parseHomeName>,
  ReturnType<typeof parseHomeName>,
  ReturnType<typeof parseHomeName>,
];
const root: KeyRoot = { home: THIRD, keyLog: new Uint8Array(32) };

test('what is told and heard of key logs goes on after the disk has failed once', async () => {
  const clock = new ManualClock(0);
  const [told, heard]: [string[], string[]] = [[], []];
  let failures = 2;
  const fail = (): void => {
    if (failures-- > 0) throw new Error('the disk fails');
  };
  const roots = await KeyRoots.open(
    {
      clock,
      log: SILENT_LOG,
      own: { publicKey: new Uint8Array(32).fill(1) } as never,
      keyLogs: {
        homes: async () => [],
        root: async () => undefined,
        hear: async (origin) => {
          fail();
          heard.push(origin);
        },
      },
      outbox: { destinations: async () => [OTHER] },
      owe: async (destination) => {
        fail();
        told.push(destination);
      },
    },
    { home: OWN },
  );
  const ending = new AbortController();
  const tasks = [roots.tell(ending.signal), roots.listen(ending.signal)];
  await roots.hear(OTHER, [{ edu: { oneofKind: 'keyRoots', keyRoots: { roots: [root] } } }]);
  roots.grown(THIRD);
  await clock.advance(KEY_ROOTS_INTERVAL_MS);
  await roots.hear(OTHER, [{ edu: { oneofKind: 'keyRoots', keyRoots: { roots: [root] } } }]);
  await clock.advance(KEY_ROOTS_INTERVAL_MS);
  expect([told, heard]).toEqual([[OTHER], [OTHER]]);
  ending.abort(new DOMException('it is over', 'AbortError'));
  await clock.advance(KEY_ROOTS_INTERVAL_MS);
  await Promise.allSettled(tasks);
});

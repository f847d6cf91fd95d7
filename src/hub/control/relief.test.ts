import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { inspect } from 'node:util';
import { describe, expect, test, vi } from 'vitest';
import { fromUtf8, SeededSecureRandom, utf8 } from '../../base/index.ts';
import { SodiumSuite, SystemClock } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { createInstanceId, createSessionId } from '../component/ids.ts';
import { createComponentKeys, encodeKeySeeds } from '../component/keys.ts';
import { adoptChild, birthOf } from './adopted-child.ts';
import { encodeRelief, parseRelief, type Relief } from './relief.ts';

const random = new SeededSecureRandom(3);
const alice = parseAddress('alice@home.example');

function sampleRelief(): Relief {
  const keys = encodeKeySeeds(createComponentKeys(new SodiumSuite(), random));
  const [self, instance] = [createInstanceId(random), createInstanceId(random)];
  const grant = { user: alice, slotId: 'a', kind: 'app', scopes: ['read'], session: createSessionId(random) } as const;
  return {
    self: { instance: self, keys },
    runFolder: '/srv/hub/run',
    port: 7897,
    peers: [{ instance, keys: 'cGVlcg', user: alice, sent: 3, received: 4 }],
    heldKeys: [{ user: alice, sealed: 'c2VhbGVk' }],
    believed: { hashKey: 'aGFzaA', grants: [{ name: 'n', grant: { ...grant, scopes: [...grant.scopes] }, leftMs: 5 }] },
    reminders: [{ user: alice, reminder: { id: 'mail', at: null, onMail: true } }],
    userServers: [{ user: alice, instance, pid: 77, bornAt: 9, fence: 2, failures: 1 }],
  };
}

describe('what a control server hands over', () => {
  test('says the same when it is read', () => {
    const relief = sampleRelief();
    expect(parseRelief(encodeRelief(relief))).toEqual(relief);
  });

  test('that is cut, of another version, or with a field too many is refused without quoting it', () => {
    const bytes = encodeRelief(sampleRelief());
    const read = JSON.parse(fromUtf8(bytes)) as object;
    for (const wrong of [
      bytes.subarray(0, 90),
      utf8(JSON.stringify({ ...read, version: 2 })),
      utf8(JSON.stringify({ ...read, password: 'hunter2' })),
    ]) {
      let thrown: unknown;
      try {
        parseRelief(wrong);
      } catch (error) {
        thrown = error;
      }
      expect(thrown).toMatchObject({ code: 'malformed' });
      expect(inspect(thrown)).not.toMatch(/hunter2|c2VhbGVk/);
    }
  });
});

describe('a process that another one has started', () => {
  const clock = new SystemClock();
  const signal = new AbortController().signal;

  /** It does nothing, and ends with this process if nobody ends it. */
  function idle(): ChildProcess & { readonly pid: number } {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    if (child.pid === undefined) throw new Error('no process was started');
    return Object.assign(child, { pid: child.pid });
  }

  test('is ended in the turn in which that is asked: a hub that ends next does nothing later', async () => {
    const child = idle();
    using kill = vi.spyOn(process, 'kill');
    adoptChild(clock, child.pid, birthOf(child.pid), AbortSignal.abort()).kill();
    expect(kill).toHaveBeenLastCalledWith(child.pid, 'SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });

  test('is ended, and seen to end', async () => {
    const child = idle();
    const adopted = adoptChild(clock, child.pid, birthOf(child.pid), signal);
    adopted.kill();
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
    await expect(adopted.exited).resolves.toBe('untold');
  });

  // Only Linux says when a process began, so it is skipped elsewhere: there a number is all that there is to know one by.
  test.runIf(process.platform === 'linux')('is not taken for a later one that got its number', async () => {
    const child = idle();
    const before = adoptChild(clock, child.pid, Number(birthOf(child.pid)) - 1, signal);
    await expect(before.exited).resolves.toBe('untold');
    before.kill();
    const exited = once(child, 'exit');
    child.kill();
    expect(await exited).toEqual([null, 'SIGTERM']); // not by the kill that was meant for another
  });
});

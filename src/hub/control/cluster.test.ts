import { describe, expect, test } from 'vitest';
import { parseAddress } from '../../protocol/index.ts';
import type { Claim } from '../placement/placement.ts';
import { type Cluster, JoiningCluster } from './cluster.ts';

const alice = parseAddress('alice@home.example');
const elsewhere = { host: 'other.example', port: 1, tls: true };
const signal = new AbortController().signal;

/** Hosts of which another one has everybody, and what is asked of them. */
function setup() {
  const asked: string[] = [];
  const cluster: Cluster = {
    locate: async () => elsewhere,
    claim: async () => ({ fence: 7 }) as Claim,
    announceMail: async (user) => {
      asked.push(`mail for ${user}`);
    },
    drain: () => asked.push('drain'),
    problems: () => [],
    [Symbol.asyncDispose]: async () => undefined,
  };
  return { asked, cluster, joining: new JoiningCluster() };
}

describe('hosts that are being joined', () => {
  test('answer when it is known where people are', async () => {
    const { asked, cluster, joining } = setup();
    const answers = [joining.locate(alice, signal), joining.claim(alice, signal), joining.announceMail(alice, signal)];
    expect(joining.problems()).toEqual([expect.stringContaining('has not answered yet')]);
    joining.joined(cluster);
    expect(await Promise.all(answers)).toEqual([elsewhere, { fence: 7 }, undefined]);
    expect([asked, joining.problems()]).toEqual([[`mail for ${alice}`], []]);
  });

  test('are waited for until whoever asks goes', async () => {
    const { joining } = setup();
    const going = new AbortController();
    const asked = [joining.locate(alice, going.signal), joining.claim(alice, going.signal)];
    going.abort(new Error('gone'));
    for (const each of asked) await expect(each).rejects.toThrow('gone');
  });

  test('get nobody from a host that was drained before', async () => {
    const { asked, cluster, joining } = setup();
    joining.drain();
    joining.joined(cluster);
    expect(asked).toEqual(['drain']);
  });
});

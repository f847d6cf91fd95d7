/** A home of several nodes and another home: mail both ways, each once, whatever becomes of a node and its queue. */
import { describe, expect, test } from 'vitest';
import { utf8 } from '../../src/base/index.ts';
import type { BlockClaim } from '../../src/feed/index.ts';
import { verified } from '../harness/fleet-people.ts';
import type { Site } from '../harness/internet.ts';
import { TwoHomes } from '../harness/two-homes.ts';

describe('a home of three nodes and another home', () => {
  test('write to each other, at and from whichever node: each mail once, at every node', async () => {
    await using homes = await TwoHomes.open(['a', 'b', 'c']);
    const out = [];
    for (const at of ['a', 'b', 'c', 'b']) out.push(await homes.fromAlice(at, `by way of ${at}`));
    const back = [await homes.fromBob('one'), await homes.fromBob('two')];
    await homes.untilBobHas([...out, ...back]);
    for (const at of ['a', 'b', 'c']) await homes.untilAliceHas(at, [...out, ...back]);
    await homes.fleet.settled();
    for (const at of ['a', 'b', 'c']) expect(await homes.ofAlice(at)).toHaveLength(6);
    await verified(homes.fleet, 'a', 'b', 'c');
  });

  test('a node is killed with its queue and removed: its successor sends the rest, and nothing that was answered for again', async () => {
    await using homes = await TwoHomes.open(['a', 'b', 'c']);
    const { fleet, internet } = homes;
    const feed = fleet.core('c').feeds.current.id;
    const before = [await homes.fromAlice('c', 'sent 1'), await homes.fromAlice('c', 'sent 2', { isKept: false })];
    await homes.untilBobHas(before);
    await homes.until(async () => (await homes.queuedAt('c')) === 0, 'c knows');
    // The others are told a moment after the answer.
    await fleet.pass(5_000);
    internet.cut(fleet.node('c').site as Site);
    const queued = [await homes.fromAlice('c', 'queued 1', { isKept: false }), await homes.fromAlice('c', 'queued 2')];
    await fleet.settled();
    expect(await homes.ofBob()).toEqual(before);
    await fleet.loseDisk('c');
    await fleet.core('a').operator.fleetRemove('c');
    await homes.untilBobHas([...before, ...queued]);
    await homes.until(async () => (await homes.queuedAt('a')) === 0, 'a knows');
    expect(homes.sentBy('a', feed)).toEqual([[3, 4]]);
    await verified(fleet, 'a', 'b');
  });

  test('the successor does not know what was answered for: it sends it again, and it arrives once', async () => {
    await using homes = await TwoHomes.open(['a', 'b', 'c']);
    const { fleet } = homes;
    const feed = fleet.core('c').feeds.current.id;
    const first = await homes.fromAlice('c', 'everybody has it');
    await fleet.settled();
    await homes.untilBobHas([first]);
    await fleet.loseDisk('c');
    await fleet.core('a').store.transact((rows) => rows.deleteRange(utf8('Df'), utf8('Dg')));
    await fleet.core('a').operator.fleetRemove('c');
    const last = await homes.fromAlice('a', 'by the successor');
    await homes.untilBobHas([first, last]);
    await homes.until(async () => (await homes.queuedAt('a')) === 0, 'a has sent all');
    expect(homes.sentBy('a', feed)).toEqual([[1, 1]]);
    expect(await homes.ofBob()).toHaveLength(2);
  });

  test('a node whose disk is lost takes its name again, and goes on with the queue of the feed before', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet } = homes;
    internet.cut(fleet.node('b').site as Site);
    const queued = [await homes.fromAlice('b', 'queued 1', { isKept: false }), await homes.fromAlice('b', 'queued 2')];
    await fleet.settled();
    await fleet.loseDisk('b');
    internet.mend();
    await fleet.join('b', 'a');
    await homes.untilBobHas(queued);
    expect(homes.fleet.core('b').fleet.isReady).toBe(true);
    await verified(fleet, 'a', 'b');
  });

  test('a node that was removed and comes back with mail that nobody had copied: the successor sends it', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet } = homes;
    fleet.cut('a', 'b');
    internet.cut(fleet.node('b').site as Site);
    const alone = await homes.fromAlice('b', 'nobody else has it', { isKept: false });
    await fleet.stop('b');
    await fleet.core('a').operator.fleetRemove('b');
    const later = await homes.fromAlice('a', 'meanwhile');
    await homes.untilBobHas([later]);
    fleet.cuts.clear();
    await fleet.start('b');
    await homes.untilBobHas([later, alone]);
  });
});

describe('bodies of mail to another home', () => {
  test('go at every node when nobody awaits or holds them any more; a node that joins then is complete', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet } = homes;
    const feed = fleet.core('b').feeds.current.id;
    const holesAt = (name: string): number => [...(fleet.core(name).feeds.all.get(feed)?.cleared() ?? [])].length;
    internet.cut(fleet.node('b').site as Site);
    const id = await homes.fromAlice('b', 'for Bob alone', { isKept: false });
    await fleet.settled();
    expect([holesAt('a'), holesAt('b')]).toEqual([0, 0]);
    internet.mend();
    await homes.untilBobHas([id]);
    await homes.until(() => holesAt('a') === 1, 'gone where it is a copy');
    fleet.core('b').lookAfterBodies(homes.other.home);
    await homes.until(() => holesAt('b') === 1, 'gone where it was written');
    await fleet.join('c', 'a');
    expect(holesAt('c')).toBe(1);
    expect(fleet.core('c').fleet.isReady).toBe(true);
    await verified(fleet, 'a', 'b', 'c');
  });

  test('that a successor does not have yet are owed: what comes after goes on, and they follow', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet } = homes;
    internet.cut(fleet.node('b').site as Site);
    fleet.cut('a', 'b');
    const late = await homes.fromAlice('b', 'its body comes last', { isKept: false });
    const whole = await homes.fromAlice('b', 'whole');
    const feed = fleet.core('b').feeds.current;
    const store = fleet.storeOf('b');
    const claims: BlockClaim[] = [];
    for (let index = 0; index < feed.length; index++) {
      const [block, proof] = [await feed.getBlock(store, index), await feed.proof(store, index)];
      claims.push({ index, block, nodes: proof.nodes, signature: proof.signature });
    }
    const [owed] = claims.splice(feed.length - 3, 1);
    const copy = await fleet.core('a').feeds.copy(feed.publicKey);
    await fleet.core('a').journal.accept(copy, claims);
    await fleet.loseDisk('b');
    await fleet.core('a').operator.fleetRemove('b');
    await homes.untilBobHas([whole]);
    await homes.until(async () => (await homes.queuedAt('a')) === 1, 'one is put off');
    await fleet.core('a').journal.accept(copy, [owed as BlockClaim]);
    await homes.untilBobHas([whole, late]);
    await homes.until(async () => (await homes.queuedAt('a')) === 0, 'nothing is left');
  });
});

describe('mail from another home', () => {
  test('turns to another node when one is away, and nothing comes again that the fleet has', async () => {
    await using homes = await TwoHomes.open(['a', 'b']);
    const { fleet, internet } = homes;
    const ids = [await homes.fromBob('one'), await homes.fromBob('two'), await homes.fromBob('three')];
    await homes.untilAliceHas('b', ids);
    await homes.until(async () => (await homes.heldAt('b')) === ids.length, 'b knows');
    internet.noted.length = 0;
    await fleet.stop('a');
    ids.push(await homes.fromBob('four'));
    await homes.untilAliceHas('b', ids);
    const port = fleet.node('b').site?.port;
    const sent = (): string[] =>
      internet.noted
        .filter(({ to, path }) => to === port && path.includes('/send/') && path.includes('.'))
        .map(({ path }) => path.split('.').slice(1).join());
    await homes.until(() => sent().length > 0, 'the answer');
    expect(sent()).toEqual(['4,4,0']);
    await fleet.start('a');
    await fleet.settled();
    await homes.untilAliceHas('a', ids);
    // It may have asked for the last by itself before it had it from b.
    expect(new Set(await homes.ofAlice('a'))).toEqual(new Set(ids));
    await verified(fleet, 'a', 'b');
  });

  test('is answered for when it is on as many disks as its home wants, and comes again when those are lost', async () => {
    await using homes = await TwoHomes.open(['a', 'b'], { durability: 2 });
    const { fleet, other } = homes;
    await homes.untilAliceHas('b', [await homes.fromBob('on two disks')]);
    fleet.cut('a', 'b');
    const id = await homes.fromBob('on one');
    await homes.untilAliceHas('a', [id]);
    await homes.until(async () => {
      const [status] = await other.core('x').operator.federationStatus(undefined);
      return status?.deferred === 1;
    }, 'put off');
    await fleet.loseDisk('a');
    await homes.untilAliceHas('b', [id]);
    expect(await homes.ofAlice('b')).toHaveLength(2);
  });
});

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ManualClock, SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { type Address, parseAddress } from '../../protocol/index.ts';
import type { Bus } from '../bus/bus.ts';
import { LocalBus } from '../bus/local-bus.ts';
import { checkFence, raiseFence } from '../component/fence.ts';
import { createInstanceId } from '../component/ids.ts';
import { HubError } from '../hub-error.ts';
import { BROKER_RETRY_FIRST_MS, RECLAIM_GRACE_MS } from './limits.ts';
import { Placement } from './placement.ts';

const random = new SeededSecureRandom(5);
const alice = parseAddress('alice@home.example');
const bob = parseAddress('bob@home.example');
const signal = new AbortController().signal;

/** Hosts on one bus whose connections can be cut: what a cut connection held is free. */
function setup(usersMax = 10) {
  const folder = mkdtempSync(join(tmpdir(), 'placement-'));
  const clock = new ManualClock(0);
  const exchange = new LocalBus(() => undefined);
  const folders = { of: (user: Address) => join(folder, user), nameOf: (user: Address) => user };
  const placements: Placement[] = [];
  const open = (port: number) => {
    let cut: (() => Promise<void>) | undefined;
    let isAway = false;
    let taken = Promise.resolve();
    const placement = new Placement(
      {
        clock,
        log: SILENT_LOG,
        folders,
        onMail: () => undefined,
        connect: async () => {
          if (isAway) throw new Error('away');
          const connection = connectionOf(exchange, () => taken);
          cut = connection.cut;
          return connection;
        },
      },
      { instance: createInstanceId(random), location: { host: 'host', port, tls: false }, usersMax },
    );
    placements.push(placement);
    return {
      placement,
      cut: async () => {
        isAway = true;
        await cut?.();
      },
      comeBack: () => {
        isAway = false;
      },
      /** The broker has given a user's name, and its answer is on its way until this is called. */
      delayAnswers: (): (() => void) => {
        let arrive = (): void => undefined;
        taken = new Promise((resolve) => {
          arrive = resolve;
        });
        return arrive;
      },
    };
  };
  return {
    clock,
    exchange,
    folders,
    open,
    [Symbol.asyncDispose]: async () => {
      for (const placement of placements) await placement[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true });
    },
  };
}

function connectionOf(
  bus: Bus,
  whenTaken: () => Promise<void>,
): Bus & { readonly lost: AbortSignal; readonly cut: () => Promise<void> } {
  const lost = new AbortController();
  const held: AsyncDisposable[] = [];
  const keep = async <Held extends AsyncDisposable>(taking: Promise<Held>): Promise<Held> => {
    const taken = await taking;
    held.push(taken);
    return taken;
  };
  const cut = async (): Promise<void> => {
    for (const one of held.splice(0)) await one[Symbol.asyncDispose]();
    lost.abort();
  };
  return {
    join: async (name, receive) => {
      if (lost.signal.aborted) throw new HubError('closed', 'the connection has ended');
      const place = await keep(bus.join(name, receive));
      if (name.startsWith('user.')) await whenTaken();
      return place;
    },
    listen: (topic, receive) => keep(bus.listen(topic, receive)),
    send: (to, message) => bus.send(to, message),
    publish: (topic, message) => bus.publish(topic, message),
    isPresent: (name) => bus.isPresent(name),
    lost: lost.signal,
    cut,
    [Symbol.asyncDispose]: cut,
  };
}

describe('placement', () => {
  test('finds a user at the host that has them, and anybody else where one asks', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    await using _claim = await a.placement.claim(alice, signal);
    expect(await a.placement.locate(alice, signal)).toBeUndefined();
    expect(await b.placement.locate(alice, signal)).toMatchObject({ port: 1 });
    expect(await b.placement.locate(bob, signal)).toBeUndefined();
    await expect(b.placement.claim(alice, signal)).rejects.toMatchObject({ code: 'moved', retry: 'now' });
  });

  test('gives a name back whose folder cannot be written, and takes it when it can', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    writeFileSync(hosts.folders.of(alice), 'no folder');
    await expect(a.placement.claim(alice, signal)).rejects.toThrow();
    rmSync(hosts.folders.of(alice));
    expect(await b.placement.locate(alice, signal)).toBeUndefined();
    await using _claim = await b.placement.claim(alice, signal);
  });

  test('gives a user that is given back to the next host, whose fence is higher', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    const first = await a.placement.claim(alice, signal);
    await first[Symbol.asyncDispose]();
    await using second = await b.placement.claim(alice, signal);
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(() => checkFence(hosts.folders.of(alice), first.fence)).toThrow(expect.objectContaining({ code: 'fenced' }));
  });

  test('keeps claims while the bus is away, takes nobody then, and has them again after it', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    await using claim = await a.placement.claim(alice, signal);
    await a.cut();
    await hosts.clock.advance(50);
    expect(claim.lost.aborted).toBe(false);
    expect(await a.placement.locate(alice, signal)).toBeUndefined();
    await expect(a.placement.claim(bob, signal)).rejects.toMatchObject({ code: 'unavailable' });
    a.comeBack();
    await hosts.clock.advance(5_000);
    expect(claim.lost.aborted).toBe(false);
    expect(await b.placement.locate(alice, signal)).toMatchObject({ port: 1 });
  });

  test('loses a claim that another host has got while the bus was away', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    await using claim = await a.placement.claim(alice, signal);
    await a.cut();
    await using other = await b.placement.claim(alice, signal);
    a.comeBack();
    await hosts.clock.advance(5_000);
    expect(claim.lost.aborted).toBe(true);
    expect(other.lost.aborted).toBe(false);
    expect(await a.placement.locate(alice, signal)).toMatchObject({ port: 2 });
  });

  test('loses it at once, also when the other host has no time to answer', async () => {
    await using hosts = setup();
    const a = hosts.open(1);
    await hosts.clock.advance(0);
    await using claim = await a.placement.claim(alice, signal);
    await a.cut();
    await using _silent = await hosts.exchange.join(`user.${alice}`, () => undefined);
    raiseFence(hosts.folders.of(alice));
    a.comeBack();
    await hosts.clock.advance(BROKER_RETRY_FIRST_MS);
    expect(claim.lost.aborted).toBe(true);
  });

  test('leaves a user whom the bus being away has made free to the host that has them', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    await using claim = await a.placement.claim(alice, signal);
    await a.cut();
    await b.cut();
    b.comeBack();
    await hosts.clock.advance(BROKER_RETRY_FIRST_MS);
    expect(await b.placement.locate(alice, signal)).toBeUndefined();
    const refused = expect(b.placement.claim(alice, signal)).rejects.toMatchObject({ code: 'moved' });
    a.comeBack();
    await hosts.clock.advance(5_000);
    await refused;
    expect(claim.lost.aborted).toBe(false);
    await using _other = await b.placement.claim(bob, signal);
  });

  test('takes nobody who has waited when the host is about to go by then', async () => {
    await using hosts = setup();
    const { cut, comeBack, placement } = hosts.open(1);
    await hosts.clock.advance(0);
    await cut();
    comeBack();
    await hosts.clock.advance(BROKER_RETRY_FIRST_MS);
    const refused = expect(placement.claim(alice, signal)).rejects.toMatchObject({ code: 'unavailable' });
    placement.drain();
    await hosts.clock.advance(RECLAIM_GRACE_MS);
    await refused;
  });

  test('gives a name back that it has again only when its user server has stopped', async () => {
    await using hosts = setup();
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    const claim = await a.placement.claim(alice, signal);
    await a.cut();
    const arrive = a.delayAnswers();
    a.comeBack();
    await hosts.clock.advance(5_000);
    await claim[Symbol.asyncDispose]();
    arrive();
    await hosts.clock.advance(0);
    await using other = await b.placement.claim(alice, signal);
    expect(other.lost.aborted).toBe(false);
  });

  test('sends whom it has no room for to a host that has', async () => {
    await using hosts = setup(1);
    const [a, b] = [hosts.open(1), hosts.open(2)];
    await hosts.clock.advance(0);
    await using _claim = await a.placement.claim(alice, signal);
    expect(await a.placement.locate(bob, signal)).toMatchObject({ port: 2 });
    b.placement.drain();
    const asked = a.placement.locate(bob, signal);
    asked.catch(() => undefined);
    await hosts.clock.advance(2_000);
    await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
  });
});

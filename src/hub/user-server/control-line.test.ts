import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { SeededSecureRandom, SILENT_LOG } from '../../base/index.ts';
import { SodiumSuite, SystemClock } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { IpcBusServer } from '../bus/ipc/ipc-server.ts';
import { Component } from '../component/component.ts';
import type { KnownPeer } from '../component/correspondence.ts';
import { createInstanceId, type InstanceId } from '../component/ids.ts';
import { createComponentKeys, publicKeysOf } from '../component/keys.ts';
import { ControlLine } from './control-line.ts';

const random = new SeededSecureRandom(5);
const suite = new SodiumSuite();
const clock = new SystemClock();
const deps = { clock, suite, log: SILENT_LOG };
const alice = parseAddress('alice@home.example');
const signal = new AbortController().signal;

const somebody = () => ({ instance: createInstanceId(random), keys: createComponentKeys(suite, random) });

/** A control server as far as its bus, and a user server's line to it. */
async function setup() {
  const folder = await mkdtemp(join(tmpdir(), 'line-'));
  const busPath = join(folder, 'bus.sock');
  const [self, own] = [somebody(), somebody()];
  const rejoined: InstanceId[] = [];
  const open = async (who: typeof self, peers: readonly KnownPeer[]) => {
    const server = await IpcBusServer.open(SILENT_LOG, busPath);
    const component = await Component.open({ ...deps, bus: server.bus }, who, peers);
    component.handle('rejoin', async (_, sender) => {
      rejoined.push(sender.instance);
      return {};
    });
    return {
      component,
      [Symbol.asyncDispose]: async () => {
        await component[Symbol.asyncDispose]();
        await server[Symbol.asyncDispose]();
      },
    };
  };
  const known = { instance: own.instance, keys: publicKeysOf(own.keys), user: alice, sent: 0, received: 0 };
  const control = await open(self, [known]);
  const address = { ...own, busPath, user: alice, control: { instance: self.instance, keys: publicKeysOf(self.keys) } };
  const line = await ControlLine.open(deps, address);
  const ask = (of: Component, kind: string) => of.request(own.instance, kind, {}, { user: alice, signal });
  return {
    ...{ ask, control, line, open, own, rejoined, self },
    [Symbol.asyncDispose]: async () => {
      await line[Symbol.asyncDispose]();
      await rm(folder, { recursive: true });
    },
  };
}

test('a line ends with its control server', async () => {
  await using world = await setup();
  await world.control[Symbol.asyncDispose]();
  await vi.waitFor(() => expect(world.line.lost.aborted).toBe(true));
});

test('a line goes on with whoever relieves its control server, and with no one else', async () => {
  await using world = await setup();
  const { ask, control, line, open, own, rejoined, self } = world;
  await ask(control.component, 'relieve');
  const peer = control.component.correspondence.known(own.instance) as KnownPeer;
  await control[Symbol.asyncDispose]();

  // Somebody at the same place with the name of the control server, but not its keys.
  const other = await open({ instance: self.instance, keys: createComponentKeys(suite, random) }, [peer]);
  await expect(ask(other.component, 'ping')).rejects.toMatchObject({ code: expect.stringMatching(/^(absent|late)$/) });
  await other[Symbol.asyncDispose]();

  await using next = await open(self, [peer]);
  await vi.waitFor(() => expect(rejoined).toContain(own.instance));
  expect(await ask(next.component, 'ping')).toEqual({});
  expect([line.lost.aborted, [...next.component.refused], [...line.component.refused.keys()]]).toEqual([false, [], []]);
});

test('what is answered late, to the control server of before, is no answer to what its successor asks', async () => {
  await using world = await setup();
  const { ask, control, line, open, own, self } = world;
  const answers: ((name: string) => void)[] = [];
  line.component.handle('slow', () => new Promise((resolve) => answers.push((name) => resolve({ name }))));
  // Its second request, as that of the successor will be.
  await ask(control.component, 'relieve');
  const before = ask(control.component, 'slow');
  before.catch(() => undefined);
  await vi.waitFor(() => expect(answers).toHaveLength(1));
  const peer = control.component.correspondence.known(own.instance) as KnownPeer;
  await control[Symbol.asyncDispose]();

  const again = new Promise<void>((resolve) => line.onRejoined(resolve));
  await using next = await open(self, [peer]);
  await again;
  await ask(next.component, 'ping');
  const asked = ask(next.component, 'slow');
  await vi.waitFor(() => expect(answers).toHaveLength(2));
  answers[0]?.('late');
  await ask(next.component, 'ping');
  answers[1]?.('in time');
  expect(await asked).toEqual({ name: 'in time' });
});

/** The bus across hosts on a real broker. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SILENT_LOG } from '../../src/base/index.ts';
import { SystemRandom } from '../../src/base/system/index.ts';
import { AmqpBus } from '../../src/hub/bus/amqp/amqp-bus.ts';
import { busContract } from '../../src/hub/bus/bus.contract.ts';
import { CutProxy } from '../harness/cut-proxy.ts';
import { Rabbit, skipsWithoutRabbit } from '../harness/rabbitmq.ts';

const deps = { log: SILENT_LOG, random: new SystemRandom() };

// RabbitMQ is a program of the machine, which skipsWithoutRabbit tells when it is missing; with CI=true that is a failure.
describe.skipIf(skipsWithoutRabbit('the bus across hosts'))('on RabbitMQ', () => {
  let rabbit: Rabbit;
  beforeAll(async () => {
    rabbit = await Rabbit.open();
  });
  afterAll(() => rabbit[Symbol.asyncDispose]());

  busContract('AmqpBus', async () => {
    const [a, b] = [await AmqpBus.open(deps, rabbit.url), await AmqpBus.open(deps, rabbit.url)];
    return {
      a,
      b,
      cutA: () => a[Symbol.asyncDispose](),
      [Symbol.asyncDispose]: async () => {
        for (const bus of [a, b]) await bus[Symbol.asyncDispose]();
      },
    };
  });

  test('a broker that dies takes every name along, and says so', async () => {
    const bus = await AmqpBus.open(deps, rabbit.url);
    const place = await bus.join('somebody', () => undefined);
    const lost = new Promise((resolve) => place.lost.addEventListener('abort', resolve, { once: true }));
    await rabbit.kill();
    await lost;
    await expect(bus.send('somebody', Uint8Array.of(1))).rejects.toMatchObject({ code: 'closed' });
    await expect(AmqpBus.open(deps, rabbit.url)).rejects.toMatchObject({ code: 'absent' });
    await rabbit.start();
    const again = await AmqpBus.open(deps, rabbit.url);
    await again.join('somebody', () => undefined);
    await again[Symbol.asyncDispose]();
  });

  test('a queue that the broker takes away ends the connection, which is deaf without it', async () => {
    const bus = await AmqpBus.open(deps, rabbit.url);
    const place = await bus.join('somebody', () => undefined);
    const gone = await bus.join('left', () => undefined);
    await gone[Symbol.asyncDispose]();
    expect(place.lost.aborted).toBe(false);
    const lost = new Promise((resolve) => place.lost.addEventListener('abort', resolve, { once: true }));
    await rabbit.deleteQueue('restante.bus.somebody');
    await lost;
    const again = await AmqpBus.open(deps, rabbit.url);
    await again.join('somebody', () => undefined);
    await again[Symbol.asyncDispose]();
  });

  test('what is being closed ends when the connection is cut before the broker answers', async () => {
    await using wire = await CutProxy.open(rabbit.port);
    const url = rabbit.url.replace(`:${rabbit.port}`, `:${wire.port}`);
    const bus = await AmqpBus.open(deps, url);
    const names = Array.from({ length: 40 }, (_, index) => `name${index}`);
    const places = await Promise.all(names.map((name) => bus.join(name, () => undefined)));
    const leaving = places.map((place) => place[Symbol.asyncDispose]());
    await leaving[0]; // the others wait for one of their two answers
    wire.cut();
    await Promise.all(leaving);

    wire.mend();
    const other = await AmqpBus.open(deps, url);
    const closing = other[Symbol.asyncDispose]();
    wire.cut();
    await closing;
  });
});

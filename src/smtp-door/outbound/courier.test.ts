/** Attempts over real sockets of this machine, whose addresses 127.0.0.1, 127.0.0.2 … are as many mail servers. */
import { readFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { SMTPServer } from 'smtp-server';
import { describe, expect, test } from 'vitest';
import { Certificate } from '../../../test/harness/certificate.ts';
import { type Zone, ZoneDns } from '../../../test/harness/letter-world.ts';
import { until } from '../../../test/harness/until.ts';
import { SeededPrng, utf8 } from '../../base/index.ts';
import { SystemClock } from '../../base/system/index.ts';
import { parseAddress } from '../../protocol/index.ts';
import { Courier, type CourierOptions } from './courier.ts';
import type { OutgoingText } from './dkim.ts';
import type { StsPolicy } from './sts-policy.ts';

const CAROL = parseAddress('carol@a.example');
const DAVE = parseAddress('dave@a.example');
const OCTETS = utf8('From: alice@home.example\r\n\r\nhello\r\n');
const TEXT: OutgoingText = {
  sizeBytes: OCTETS.length,
  open: async function* () {
    yield OCTETS;
  },
};
const MAIL = { from: 'alice@home.example', to: [CAROL, DAVE], text: TEXT };
const never = new AbortController().signal;

interface Server extends AsyncDisposable {
  readonly port: number;
  /** What it has taken, and whether by TLS. */
  readonly taken: { readonly to: readonly string[]; readonly isSecure: boolean }[];
  /** Resolves when nobody is connected: what they sent is taken, or never will be. */
  untilAlone(): Promise<void>;
}

interface Behaviour {
  readonly port?: number;
  readonly certificate?: Certificate;
  readonly refused?: Readonly<Record<string, readonly [number, string]>>;
  /** In place of a greeting. */
  readonly greeting?: readonly [number, string];
  readonly size?: number;
}

async function serve(
  host: string,
  { certificate, greeting, port = 0, refused = {}, size }: Behaviour,
): Promise<Server> {
  const taken: { to: readonly string[]; isSecure: boolean }[] = [];
  const refusal = ([responseCode, text]: readonly [number, string]): Error =>
    Object.assign(new Error(text), { responseCode });
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    ...(certificate === undefined
      ? { disabledCommands: ['STARTTLS'] }
      : { cert: await readFile(certificate.path), key: await readFile(certificate.keyPath) }),
    ...(size === undefined ? {} : { size }),
    onConnect: (_session, done) => done(greeting === undefined ? null : refusal(greeting)),
    onRcptTo: ({ address }, _session, done) => {
      const why = refused[address];
      done(why === undefined ? null : refusal(why));
    },
    onData: (stream, { envelope, secure }, done) => {
      stream.resume();
      stream.on('end', () => {
        taken.push({ to: envelope.rcptTo.map(({ address }) => address), isSecure: secure });
        done(null);
      });
    },
  });
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const { port: listening } = server.server.address() as AddressInfo;
  return {
    port: listening,
    taken,
    untilAlone: () => until(() => server.connections.size === 0),
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

function courierTo(
  zone: Zone,
  { policy, ...options }: Partial<CourierOptions> & { readonly policy?: StsPolicy } = {},
): { courier: Courier; dns: ZoneDns } {
  const dns = new ZoneDns(zone);
  const courier = new Courier(
    { clock: new SystemClock(), prng: new SeededPrng(1), dns, policyOf: async () => policy },
    {
      name: 'mail.home.example',
      ownNames: ['mail.home.example'],
      relay: undefined,
      allowPrivate: true,
      port: 25,
      ...options,
    },
  );
  return { courier, dns };
}

function zoneOf(...hosts: readonly (readonly [string, string])[]): Zone {
  return {
    'a.example': { MX: hosts.map(([exchange], index) => ({ exchange, priority: index })) },
    ...Object.fromEntries(hosts.map(([name, address]) => [name, { A: [address] }])),
  };
}

async function freePort(host: string): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ENFORCED: StsPolicy = { mode: 'enforce', mx: ['one.a.example', '*.b.example'], maxAgeSeconds: 1 };

describe('an attempt', () => {
  test('whose text cannot be read to its end is cut, so that no server takes a part of it for a letter', async () => {
    await using server = await serve('127.0.0.1', {});
    const { courier } = courierTo(zoneOf(['one.a.example', '127.0.0.1']), { port: server.port });
    const broken = new Error('the disk is gone');
    let read = 0;
    const text: OutgoingText = {
      sizeBytes: OCTETS.length + 1_000_000,
      open: async function* () {
        read += 1;
        yield OCTETS;
        yield new Uint8Array(500_000).fill(65);
        throw broken;
      },
    };
    await expect(courier.carry('a.example', { ...MAIL, text }, never)).rejects.toBe(broken);
    expect(read).toBe(1);
    await server.untilAlone();
    expect(server.taken).toEqual([]);
    expect(await courier.carry('a.example', MAIL, never)).toMatchObject({ kind: 'answered' });
    expect(server.taken).toHaveLength(1);
  });

  test('goes to the best server that is there, by TLS where it has it, and tells what it said of each recipient', async () => {
    await using certificate = await Certificate.create();
    await using second = await serve('127.0.0.2', { certificate, refused: { [DAVE]: [550, '5.1.1 no Dave'] } });
    const zone = zoneOf(
      ['one.a.example', '127.0.0.1'],
      ['two.a.example', '127.0.0.2'],
      ['three.a.example', '127.0.0.3'],
    );
    const { courier } = courierTo(zone, { port: second.port });
    const attempt = await courier.carry('a.example', MAIL, never);
    expect(second.taken).toEqual([{ to: [CAROL], isSecure: true }]);
    expect(attempt.kind === 'answered' && [attempt.replies.get(CAROL)?.code, attempt.replies.get(DAVE)]).toEqual([
      250,
      { code: 550, text: '5.1.1 no Dave' },
    ]);
  });

  test('turns to the next server where one turns it away, and to none where it has been refused', async () => {
    await using second = await serve('127.0.0.2', {});
    await using _ = await serve('127.0.0.1', { port: second.port, greeting: [554, '5.3.2 not today'] });
    const zone = zoneOf(['one.a.example', '127.0.0.1'], ['two.a.example', '127.0.0.2']);
    const { courier } = courierTo(zone, { port: second.port });
    expect((await courier.carry('a.example', MAIL, never)).kind).toBe('answered');
    expect(second.taken).toHaveLength(1);
    // Alone, the first does not decide the letter's fate: servers say such things when they are ill.
    const alone = courierTo(zoneOf(['one.a.example', '127.0.0.1']), { port: second.port }).courier;
    expect(await alone.carry('a.example', MAIL, never)).toMatchObject({ kind: 'failed', reply: { code: 451 } });
  });

  test('is over at once where a domain takes no mail, has no server, or has this one', async () => {
    const final = async (zone: Zone, code: number, text: string): Promise<void> => {
      const attempt = await courierTo(zone).courier.carry('a.example', MAIL, never);
      expect(attempt.kind === 'answered' && attempt.replies.get(CAROL)).toMatchObject({
        code,
        text: expect.stringContaining(text),
      });
    };
    await final({ 'a.example': { MX: [{ exchange: '', priority: 0 }] } }, 556, '5.1.10');
    await final({}, 550, '5.1.2');
    await final({ 'a.example': { MX: [{ exchange: 'mail.home.example', priority: 10 }] } }, 554, '5.4.6');
  });

  test('waits where DNS is silent, and goes to no private address unless it may', async () => {
    const { courier, dns } = courierTo({});
    dns.isSilent = true;
    expect(await courier.carry('a.example', MAIL, never)).toMatchObject({ kind: 'failed', reply: { code: 451 } });
    await using server = await serve('127.0.0.1', {});
    for (const zone of [zoneOf(['one.a.example', '127.0.0.1']), { 'a.example': { A: ['127.0.0.1'] } }]) {
      const refused = courierTo(zone, { port: server.port, allowPrivate: false }).courier;
      expect(await refused.carry('a.example', MAIL, never)).toMatchObject({ kind: 'failed', reply: { code: 451 } });
    }
    expect(server.taken).toEqual([]);
    const { courier: open } = courierTo({ 'a.example': { A: ['127.0.0.1'] } }, { port: server.port });
    expect((await open.carry('a.example', MAIL, never)).kind).toBe('answered');
  });

  test('under a policy goes by verified TLS to a server that it names, or not at all', async () => {
    await using certificate = await Certificate.create();
    await using server = await serve('127.0.0.1', { certificate });
    const named = zoneOf(['one.a.example', '127.0.0.1']);
    const other = zoneOf(['evil.example', '127.0.0.1']);
    const failed = { kind: 'failed', reply: { code: 451 } };
    for (const zone of [named, other]) {
      const { courier } = courierTo(zone, { port: server.port, policy: ENFORCED });
      expect(await courier.carry('a.example', MAIL, never)).toMatchObject(failed);
    }
    expect(server.taken).toEqual([]);
    const { courier } = courierTo(named, { port: server.port, policy: { ...ENFORCED, mode: 'testing' } });
    expect((await courier.carry('a.example', MAIL, never)).kind).toBe('answered');
  });

  test('offers nothing that a server says is too large for it', async () => {
    await using server = await serve('127.0.0.1', { size: 10 });
    const { courier } = courierTo(zoneOf(['one.a.example', '127.0.0.1']), { port: server.port });
    const attempt = await courier.carry('a.example', MAIL, never);
    expect(attempt.kind === 'answered' && attempt.replies.get(CAROL)?.code).toBe(552);
  });

  test('ends with its signal, and leaves nobody waiting', async () => {
    const port = await freePort('127.0.0.1');
    const silent = createServer(() => undefined);
    await new Promise<void>((resolve) => silent.listen(port, '127.0.0.1', resolve));
    const { courier } = courierTo(zoneOf(['one.a.example', '127.0.0.1']), { port });
    const controller = new AbortController();
    const attempt = courier.carry('a.example', MAIL, controller.signal);
    silent.once('connection', () => controller.abort(new Error('enough')));
    await expect(attempt).rejects.toThrow('enough');
    await new Promise((resolve) => silent.close(resolve));
  });
});

/** People and their connections, for load. */
import { SodiumSuite, SystemClock, SystemRandom, SystemResolver, WsDialer } from '../src/base/system/index.ts';
import { type Address, FRAME_BYTES_MAX, parseAddress } from '../src/protocol/index.ts';
import { createAccountSecrets } from '../src/vault/index.ts';
import { createPerson, type Person } from '../test/harness/person.ts';
import { WireClient } from '../test/harness/wire-client.ts';

export const random = new SystemRandom();
const clock = new SystemClock();
export const dialer = new WsDialer(
  { clock, resolver: new SystemResolver() },
  { frameBytesMax: FRAME_BYTES_MAX, timeoutMs: 30_000, allowPrivate: true },
);

export async function connect(url: string): Promise<WireClient> {
  return new WireClient(await dialer.dial(url, new AbortController().signal));
}

/** Somebody whom clients accept as an author: a real certificate takes milliseconds to make. */
export async function registerAuthor(url: string, address: string): Promise<Person> {
  const account = { address: parseAddress(address), createdAt: clock.now() };
  const { certificate } = await createAccountSecrets({ suite: new SodiumSuite(), random }, account);
  return register(url, address, [certificate]);
}

export async function register(
  url: string,
  address: string,
  certificates: readonly Uint8Array[] = [],
): Promise<Person> {
  const person = createPerson(random, address as Address, { certificates });
  const client = await connect(url);
  const answer = await client.register(person);
  client.close();
  if (answer.oneofKind !== 'chain') throw new Error(`not registered: ${JSON.stringify(answer)}`);
  return person;
}

export async function signIn(url: string, person: Person): Promise<WireClient> {
  const client = await connect(url);
  const answer = await client.authenticate(random, person.address, person.device);
  if (answer.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(answer)}`);
  return client;
}

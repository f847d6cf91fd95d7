/** Authenticating a bare socket, for clients that look at frames themselves. */
import type { FrameSocket } from '../src/base/index.ts';
import { SodiumSuite } from '../src/base/system/index.ts';
import { authBytes, decodeNodeMessage, encodeClientMessage, parseHomeName } from '../src/protocol/index.ts';
import type { Person } from '../test/harness/person.ts';
import { random } from './people.ts';

const suite = new SodiumSuite();

/** The frames that come after the welcome. */
export async function authenticateSocket(
  socket: FrameSocket,
  home: string,
  person: Person,
): Promise<AsyncIterator<Uint8Array>> {
  const frames = socket.incoming[Symbol.asyncIterator]();
  const greeting = decodeNodeMessage((await frames.next()).value as Uint8Array);
  if (greeting.oneofKind !== 'serverInfo') throw new Error(`no greeting: ${JSON.stringify(greeting)}`);
  const { node, nonce: nodeNonce } = greeting.serverInfo;
  const clientNonce = random.bytes(32);
  const { address, device } = person;
  const signature = suite.sign(
    authBytes({ home: parseHomeName(home), node, nodeNonce, clientNonce }, address),
    device.secretKey,
  );
  const auth = { address, key: device.publicKey, nonce: clientNonce, signature };
  await socket.send(encodeClientMessage({ oneofKind: 'auth', auth }));
  const welcome = decodeNodeMessage((await frames.next()).value as Uint8Array);
  if (welcome.oneofKind !== 'welcome') throw new Error(`not welcome: ${JSON.stringify(welcome)}`);
  return frames;
}

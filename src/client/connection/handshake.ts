/**
 * From a URL to a connection that knows whom it talks to: the greeting names home and node key, the welcome proves the key.
 * What a node says before its welcome is believed only as far as documents signed by others bear it out.
 */
import {
  type CryptoSuite,
  type Dialer,
  equalBytes,
  type FrameSocket,
  isAbort,
  type KeyPair,
  type SecureRandom,
} from '../../base/index.ts';
import {
  type Address,
  authBytes,
  decodeNodeMessage,
  type HomeName,
  ProtocolError,
  type ServerInfo,
  type SessionNonces,
  welcomeBytes,
} from '../../protocol/index.ts';
import { ConnectionError, refusalError } from './connection-error.ts';
import { GREETING_MS } from './limits.ts';
import { type ConnectionDeps, NodeConnection } from './node-connection.ts';

export interface HandshakeDeps extends ConnectionDeps {
  readonly dialer: Dialer;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
}

export interface NodeTarget {
  readonly url: string;
  readonly home: HomeName;
  /** The key it must prove; undefined: whatever it names, to be checked against the home document by the caller. */
  readonly key: Uint8Array | undefined;
}

const PROTOCOL_VERSION = 1;
const NONCE_BYTES = 32;

/** Dials and reads the greeting. Throws ConnectionError. */
export async function openConnection(
  deps: HandshakeDeps,
  target: NodeTarget,
  signal: AbortSignal,
): Promise<NodeConnection> {
  const socket = await dial(deps, target.url, signal);
  try {
    const frames = socket.incoming[Symbol.asyncIterator]();
    const info = await readGreeting(deps, frames, signal);
    checkGreeting(info, target);
    return new NodeConnection(deps, socket, frames, info);
  } catch (error) {
    socket.terminate();
    throw error;
  }
}

/**
 * Proves `key` for `address` and has the node prove its own. `enrolment`: the key is not a device's but the enrolment or
 * recovery key. Throws ConnectionError.
 */
export async function authenticate(
  deps: HandshakeDeps,
  connection: NodeConnection,
  who: { readonly address: Address; readonly home: HomeName; readonly key: KeyPair },
): Promise<{ readonly enrolment: boolean }> {
  const { suite, random } = deps;
  const clientNonce = random.bytes(NONCE_BYTES);
  const session: SessionNonces = {
    home: who.home,
    node: connection.info.node,
    nodeNonce: connection.info.nonce,
    clientNonce,
  };
  const signature = suite.sign(authBytes(session, who.address), who.key.secretKey);
  const auth = { address: who.address, key: who.key.publicKey, nonce: clientNonce, signature };
  const answer = await connection.handshake({ oneofKind: 'auth', auth });
  if (
    answer.oneofKind !== 'welcome' ||
    answer.welcome.address !== who.address ||
    !suite.verify(answer.welcome.signature, welcomeBytes(session, who.address), session.node)
  ) {
    const error = new ConnectionError('bad_welcome', 'the node did not prove its key');
    connection.cut(error);
    throw error;
  }
  return { enrolment: answer.welcome.enrolment };
}

async function dial(deps: HandshakeDeps, url: string, signal: AbortSignal): Promise<FrameSocket> {
  try {
    return await deps.dialer.dial(url, signal);
  } catch (cause) {
    if (isAbort(cause, signal)) throw cause;
    throw new ConnectionError('unreachable', `${url} cannot be reached`, {
      cause,
      retry: 'later',
      fix: 'check the address and your network; another node can be added with `restante nodes add`',
    });
  }
}

async function readGreeting(
  deps: HandshakeDeps,
  frames: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<ServerInfo> {
  const timer = new AbortController();
  const late = deps.clock
    .sleep(GREETING_MS, AbortSignal.any([signal, timer.signal]))
    .then(() => Promise.reject(new ConnectionError('timeout', 'the node did not greet in time', { retry: 'later' })));
  late.catch(() => undefined); // the greeting came first
  try {
    const first = await Promise.race([frames.next(), late]);
    if (first.done === true) throw new ConnectionError('closed', 'the node closed the connection', { retry: 'later' });
    const message = decodeNodeMessage(first.value);
    if (message.oneofKind === 'refused') throw refusalError(message.refused);
    if (message.oneofKind !== 'serverInfo') throw new ConnectionError('malformed', 'the node did not greet first');
    return message.serverInfo;
  } catch (error) {
    if (error instanceof ProtocolError) throw new ConnectionError('malformed', error.message, { cause: error });
    throw error;
  } finally {
    timer.abort();
  }
}

function checkGreeting(info: ServerInfo, { home, key, url }: NodeTarget): void {
  if (info.version !== PROTOCOL_VERSION)
    throw new ConnectionError('version', `${url} speaks version ${info.version} of the protocol`, {
      fix: 'bring this program up to date',
    });
  if (info.home !== home)
    throw new ConnectionError('wrong_home', `${url} serves the home ${JSON.stringify(info.home)}, not ${home}`);
  if (info.node.length !== 32 || info.nonce.length !== NONCE_BYTES || info.limits === undefined)
    throw new ConnectionError('malformed', 'the greeting lacks the key, the nonce or the limits');
  if (key !== undefined && !equalBytes(key, info.node))
    throw new ConnectionError('wrong_node', `${url} has another key than the node it is known as`, {
      fix: 'if the node was set up anew, remove it with `restante nodes remove` and add it again',
    });
}

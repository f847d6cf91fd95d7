/** From a connection to a link: who dials and who accepts prove their keys to each other, or one of them proves a token. */
import {
  abortable,
  type Clock,
  type CryptoSuite,
  concatBytes,
  equalBytes,
  type FrameSocket,
  type KeyPair,
  type SecureRandom,
  withDeadline,
} from '../../base/index.ts';
import type { HomeName } from '../../protocol/index.ts';
import { type ControlMessage, decodeControl, encodeControl, type MessageOf } from './control-message.ts';
import { FleetError } from './fleet-error.ts';
import { isLinkSigned, type LinkNonces, NONCE_BYTES, signLink } from './handshake.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';

export interface GreetingDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
}

/** Who this node is. */
export interface OwnNode {
  readonly home: HomeName;
  readonly name: string;
  readonly key: KeyPair;
}

export interface Greeted {
  readonly name: string;
  readonly key: Uint8Array;
  readonly frames: AsyncIterator<Uint8Array>;
}

/** The acceptor's side of a connection: a node that proved itself, or somebody who wants to join. */
export type Visitor =
  | ({ readonly kind: 'node' } & Greeted)
  | { readonly kind: 'newcomer'; readonly request: MessageOf<'join'>; readonly nonce: Uint8Array };

/** Throws FleetError; the socket is then closed. */
export function greetAsDialer(
  deps: GreetingDeps,
  own: OwnNode,
  socket: FrameSocket,
  expected: Uint8Array,
  signal: AbortSignal,
): Promise<Greeted> {
  return greeting(deps, socket, signal, async (frames, attempt) => {
    const hello = await expectMessage(frames, 'hello', attempt);
    if (hello.home !== own.home) throw new FleetError('wrong_node', `this is a node of ${hello.home}`);
    if (!equalBytes(hello.key, expected)) throw new FleetError('wrong_node', 'it has another key than its home names');
    const link: LinkNonces = {
      home: own.home,
      dialer: own.key.publicKey,
      acceptor: hello.key,
      dialerNonce: deps.random.bytes(NONCE_BYTES),
      acceptorNonce: hello.nonce,
    };
    await say(socket, {
      t: 'dial',
      node: own.name,
      key: own.key.publicKey,
      nonce: link.dialerNonce,
      signature: signLink(deps.suite, 'dial', link, own.key),
    });
    const { signature } = await expectMessage(frames, 'accept', attempt);
    if (!isLinkSigned(deps.suite, 'accept', link, signature))
      throw new FleetError('wrong_node', 'it does not prove its key');
    return { name: hello.node, key: hello.key, frames };
  });
}

/** `isNode` says whether a key is one of the home's. Throws FleetError; the other end is told. */
export function greetAsAcceptor(
  deps: GreetingDeps,
  own: OwnNode,
  socket: FrameSocket,
  isNode: (key: Uint8Array) => boolean,
  signal: AbortSignal,
): Promise<Visitor> {
  return greeting(deps, socket, signal, async (frames, attempt): Promise<Visitor> => {
    const nonce = deps.random.bytes(NONCE_BYTES);
    await say(socket, { t: 'hello', home: own.home, node: own.name, key: own.key.publicKey, nonce });
    const message = await next(frames, attempt);
    if (message.t === 'join') return { kind: 'newcomer', request: message, nonce };
    if (message.t !== 'dial') throw new FleetError('malformed', 'neither a node nor a newcomer');
    const link: LinkNonces = {
      home: own.home,
      dialer: message.key,
      acceptor: own.key.publicKey,
      dialerNonce: message.nonce,
      acceptorNonce: nonce,
    };
    if (!isNode(message.key) || !isLinkSigned(deps.suite, 'dial', link, message.signature))
      throw new FleetError('not_a_node', 'this home has no such node');
    await say(socket, { t: 'accept', signature: signLink(deps.suite, 'accept', link, own.key) });
    return { kind: 'node', name: message.node, key: message.key, frames };
  });
}

/** One deadline over a handshake; what fails is told to the other end before the connection goes. */
async function greeting<Result>(
  { clock }: GreetingDeps,
  socket: FrameSocket,
  signal: AbortSignal,
  work: (frames: AsyncIterator<Uint8Array>, attempt: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const late = (): Error => new FleetError('timeout', 'the other node does not greet in time', { retry: 'later' });
  const frames = socket.incoming[Symbol.asyncIterator]();
  try {
    return await withDeadline(clock, HANDSHAKE_TIMEOUT_MS, signal, late, (attempt) => work(frames, attempt));
  } catch (error) {
    if (error instanceof FleetError && error.code !== 'closed') {
      const { code, message } = error;
      // Who is gone already is not told.
      await say(socket, { t: 'refused', code, message }).catch(() => undefined);
      socket.close(1008, code);
    } else socket.terminate();
    throw error;
  }
}

export function say(socket: FrameSocket, message: ControlMessage): Promise<void> {
  return socket.send(concatBytes(encodeControl(message)));
}

export async function expectMessage<T extends ControlMessage['t']>(
  frames: AsyncIterator<Uint8Array>,
  kind: T,
  signal: AbortSignal,
): Promise<MessageOf<T>> {
  const message = await next(frames, signal);
  if (message.t === kind) return message as MessageOf<T>;
  throw new FleetError('malformed', `${message.t} where ${kind} was awaited`);
}

async function next(frames: AsyncIterator<Uint8Array>, signal: AbortSignal): Promise<ControlMessage> {
  const frame = await abortable(frames.next(), signal);
  if (frame.done === true) throw new FleetError('closed', 'the connection ended', { retry: 'later' });
  const message = decodeControl(frame.value);
  if (message === undefined) throw new FleetError('malformed', 'not a message of this protocol');
  if (message.t === 'refused')
    throw new FleetError(message.code === 'bad_token' ? 'bad_token' : 'refused', message.message);
  return message;
}

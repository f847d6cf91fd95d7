/** Taking a node in, and being taken in (docs/protocol/fleet.md, Join). */
import {
  type Clock,
  type CryptoSuite,
  type Dialer,
  equalBytes,
  type FrameSocket,
  type KeyPair,
  type SecureRandom,
  withDeadline,
} from '../../base/index.ts';
import { type HomeDocument, type HomeName, parseHomeChain, parseHomeName } from '../../protocol/index.ts';
import type { HomeChain } from '../home-chain.ts';
import { FleetError } from './fleet-error.ts';
import { expectMessage, type OwnNode, say, type Visitor } from './greeting.ts';
import { fleetUrlOf, NONCE_BYTES } from './handshake.ts';
import { type JoinTalk, type JoinTokens, joinedMac, joinMac, parseJoinToken, sealSeed } from './join-token.ts';
import { HANDSHAKE_TIMEOUT_MS } from './limits.ts';
import type { Roster } from './roster.ts';

export interface TakeInDeps {
  readonly suite: CryptoSuite;
  readonly folder: { readonly homeSeed: Uint8Array };
  readonly home: HomeChain;
  readonly own: OwnNode;
  readonly roster: Roster;
  readonly tokens: JoinTokens;
  readonly isRegistrar: boolean;
  /** Whether a node of that name is there now: its name is nobody else's. */
  readonly isThere: (name: string) => boolean;
}

/** Answers a newcomer. Throws FleetError; the newcomer is told. */
export async function takeIn(
  deps: TakeInDeps,
  socket: FrameSocket,
  { request, nonce }: Extract<Visitor, { kind: 'newcomer' }>,
): Promise<void> {
  const { home, own, roster, suite, tokens } = deps;
  const talk: JoinTalk = {
    home: own.home,
    acceptor: own.key.publicKey,
    newcomer: request.key,
    node: request.node,
    acceptorNonce: nonce,
    newcomerNonce: request.nonce,
  };
  try {
    const secret = await tokens.secretOf(request.token);
    if (secret === undefined || !equalBytes(joinMac(suite, secret, talk), request.mac))
      throw new FleetError('bad_token', 'no such join token, or it was used, or it is older than an hour');
    if (!deps.isRegistrar) throw new FleetError('not_here', `node ${home.current?.registrar} takes nodes in`);
    if (deps.isThere(request.node)) throw new FleetError('refused', `a node named ${request.node} is there already`);
    await tokens.spend(request.token);
    await roster.admit(request.key, request.node);
    const sealed = sealSeed(suite, secret, talk, deps.folder.homeSeed);
    const documents = await wholeChain(home);
    await say(socket, {
      t: 'joined',
      sealed,
      documents: [...documents],
      mac: joinedMac(suite, secret, talk, sealed, documents),
    });
    socket.close(1000, 'joined');
  } catch (error) {
    if (error instanceof FleetError) {
      await say(socket, { t: 'refused', code: error.code, message: error.message });
      socket.close(1008, error.code);
    }
    throw error;
  }
}

export interface JoinDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly suite: CryptoSuite;
  readonly dialer: Dialer;
}

export interface Joined {
  readonly home: HomeName;
  /** Of the home's key. */
  readonly homeSeed: Uint8Array;
  readonly chain: readonly HomeDocument[];
}

/** Asks a running node of a home to take this one in under a name, by a token. Throws FleetError, DialError. */
export function askToJoin(
  deps: JoinDeps,
  options: { readonly url: string; readonly token: string; readonly name: string; readonly key: KeyPair },
  signal: AbortSignal,
): Promise<Joined> {
  const late = (): Error => new FleetError('timeout', 'the node does not answer in time', { retry: 'later' });
  return withDeadline(deps.clock, HANDSHAKE_TIMEOUT_MS, signal, late, async (attempt) => {
    const { id, secret } = parseJoinToken(options.token);
    const socket = await deps.dialer.dial(fleetUrlOf(options.url), attempt);
    try {
      return await talkToJoin(deps, options, { id, secret }, socket, attempt);
    } finally {
      socket.terminate();
    }
  });
}

async function talkToJoin(
  { random, suite }: JoinDeps,
  { key, name }: { readonly name: string; readonly key: KeyPair },
  { id, secret }: { readonly id: string; readonly secret: Uint8Array },
  socket: FrameSocket,
  signal: AbortSignal,
): Promise<Joined> {
  const frames = socket.incoming[Symbol.asyncIterator]();
  const hello = await expectMessage(frames, 'hello', signal);
  const talk: JoinTalk = {
    home: hello.home,
    acceptor: hello.key,
    newcomer: key.publicKey,
    node: name,
    acceptorNonce: hello.nonce,
    newcomerNonce: random.bytes(NONCE_BYTES),
  };
  const mac = joinMac(suite, secret, talk);
  await say(socket, { t: 'join', token: id, node: name, key: key.publicKey, nonce: talk.newcomerNonce, mac });
  const joined = await expectMessage(frames, 'joined', signal);
  if (!equalBytes(joined.mac, joinedMac(suite, secret, talk, joined.sealed, joined.documents)))
    throw new FleetError('wrong_node', 'who answers does not know the token');
  const homeSeed = sealSeed(suite, secret, talk, joined.sealed);
  const chain = parseHomeChain(suite, joined.documents);
  const current = chain.at(-1);
  if (current === undefined || !equalBytes(suite.keyPair(homeSeed).publicKey, current.key))
    throw new FleetError('wrong_node', "the home's key is not the one that its document names");
  return { home: parseHomeName(hello.home), homeSeed, chain };
}

async function wholeChain(home: HomeChain): Promise<readonly Uint8Array[]> {
  const documents: Uint8Array[] = [];
  for (;;) {
    const page = await home.documents(documents.length);
    if (page.length === 0) return documents;
    documents.push(...page);
  }
}

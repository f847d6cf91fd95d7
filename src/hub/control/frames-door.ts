/**
 * The hub's own way to be spoken to: frames on a local socket or a port. The first frame opens a session; what follows is
 * carried between the program and its user server as it comes.
 */
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { type Log, Scope, whenAborted } from '../../base/index.ts';
import type { Location } from '../../hub-client/index.ts';
import type { Address } from '../../protocol/index.ts';
import { FrameReader } from '../framing.ts';
import { HubError } from '../hub-error.ts';
import type { Admission } from './admission.ts';
import type { Credential } from './authenticator.ts';
import { forwardFrames } from './forward.ts';
import {
  decodeFirst,
  encodeOpened,
  encodeRefusal,
  encodeStream,
  type FirstFrame,
  type OpenFrame,
} from './frames-protocol.ts';
import { OPEN_FRAME_BYTES_MAX } from './limits.ts';
import type { Origin } from './listener.ts';
import type { Tickets } from './tickets.ts';
import {
  asHubError,
  bearerOf,
  FRAMES_PATH,
  FRAMES_PROTOCOL,
  join,
  ownHeaders,
  readSessionObject,
  upgrade,
} from './upstream.ts';

export interface FramesDoorDeps {
  readonly log: Log;
  readonly admission: Admission;
  readonly tickets: Tickets;
  /** What URLs in answers begin with. */
  readonly base: () => string;
  /** The one person whom this hub runs for, where it runs for one. */
  readonly onlyUser: Address | undefined;
  readonly onRefused: (code: string) => void;
}

/** A connection that has said who it is. */
interface Coming {
  readonly socket: Socket;
  readonly first: FirstFrame;
  readonly rest: Uint8Array;
  readonly origin: Origin;
}

export class FramesDoor implements AsyncDisposable {
  readonly #deps: FramesDoorDeps;
  readonly #scope: Scope;

  constructor(deps: FramesDoorDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a connection failed'));
  }

  /** `known` is called when the first frame is there: the other end is waiting for us then. */
  accept(socket: Socket, origin: Origin, known: () => void): void {
    this.#scope.spawn('connection', async (scope) => {
      const gone = new AbortController();
      const onClose = (): void => gone.abort(new DOMException('the connection ended', 'AbortError'));
      socket.once('close', onClose);
      const signal = AbortSignal.any([scope, gone.signal]);
      try {
        await this.#converse(socket, origin, known, signal);
      } catch (error) {
        if (!signal.aborted) this.#refuse(socket, error);
      } finally {
        socket.off('close', onClose);
        if (!socket.writableEnded) socket.destroy();
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #converse(socket: Socket, origin: Origin, known: () => void, signal: AbortSignal): Promise<void> {
    const { admission } = this.#deps;
    const { frame, rest } = await readFirstFrame(socket, signal);
    known();
    const first = decodeFirst(frame);
    const { forwarded: isForwarded = false, ticket } = first;
    const asked = { credential: this.#credentialOf(first.open), isForwarded };
    const coming = { socket, first, rest, origin };
    const ways = {
      on: (to: Location) => forwardFrames(to, socket, first, rest, signal),
      here: () =>
        ticket === undefined
          ? this.#serve(coming, asked.credential, signal)
          : this.#stream(coming, asked.credential, ticket, signal),
    };
    await admission.route(asked, ways, signal);
  }

  async #serve({ first, origin, rest, socket }: Coming, credential: Credential, signal: AbortSignal): Promise<void> {
    const { admission, base } = this.#deps;
    const grant = await admission.authenticator.grant(credential, origin.remote, signal);
    const named = admission.sessionOf(grant, origin.door);
    const { open } = first;
    const isKnown = 'token' in open && grant.kind === 'session';
    const { session, token } = isKnown ? { session: named, token: open.token } : await admission.withToken(named);
    using admitted = await admission.admit(session, () => socket.destroy(), signal);
    const bearer = bearerOf(session, base());
    const headers = { ...ownHeaders(bearer), connection: 'upgrade', upgrade: FRAMES_PROTOCOL };
    // Of one process: what it says of itself is what the connection is to.
    const { head, jmap, stream } = await admitted.reach(async (running) => ({
      jmap: await readSessionObject(running, bearer),
      ...(await upgrade(running, FRAMES_PATH, headers)),
    }));
    if (head.length > 0) stream.unshift(head);
    if (rest.length > 0) socket.unshift(rest);
    socket.write(encodeOpened({ session: session.id, token, user: session.user, scopes: [...session.scopes], jmap }));
    using _ = whenAborted(signal, () => stream.destroy());
    await join(socket, stream);
  }

  /** What a ticket is for, to the session that it was made for; its user server has no part in it. */
  async #stream(
    { origin, socket }: Coming,
    credential: Credential,
    ticket: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { admission, tickets } = this.#deps;
    const grant = await admission.authenticator.grant(credential, origin.remote, signal);
    const session = admission.sessionOf(grant, origin.door);
    using _attached = admission.attach(session, () => socket.destroy());
    await using stream = await tickets.redeem(ticket, session);
    socket.write(encodeStream(stream.size));
    await pipeline(stream.octets, socket, { signal });
  }

  #credentialOf(open: OpenFrame): Credential {
    const { onlyUser } = this.#deps;
    if ('token' in open) return { secret: open.token };
    if ('user' in open) return { user: open.user, secret: open.password };
    if (onlyUser === undefined)
      throw new HubError('malformed', 'this hub serves many people', { fix: 'Say whose password it is: "user".' });
    return { user: onlyUser, secret: open.password };
  }

  #refuse(socket: Socket, error: unknown): void {
    const refusal = error instanceof HubError ? error : asHubError(error);
    if (!(error instanceof HubError)) this.#deps.log.error({ error }, 'a session could not be opened');
    this.#deps.onRefused(refusal.code);
    socket.end(encodeRefusal(refusal), () => socket.destroy());
  }
}

/** The first frame, and what came behind it. Throws HubError `too_large`; rejects with the signal's reason. */
function readFirstFrame(socket: Socket, signal: AbortSignal): Promise<{ frame: Uint8Array; rest: Uint8Array }> {
  const reader = new FrameReader(OPEN_FRAME_BYTES_MAX);
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      socket.off('data', onData);
      socket.pause();
      signal.removeEventListener('abort', onAbort);
      act();
    };
    const onAbort = (): void => finish(() => reject(signal.reason));
    const onData = (chunk: Uint8Array): void => {
      try {
        const frame = reader.next(chunk);
        if (frame !== undefined) finish(() => resolve({ frame, rest: reader.rest() }));
      } catch (error) {
        finish(() => reject(error));
      }
    };
    signal.addEventListener('abort', onAbort, { once: true });
    socket.on('data', onData);
    socket.resume();
  });
}

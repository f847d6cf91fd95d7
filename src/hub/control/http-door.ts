/**
 * HTTP at the hub: JMAP for programs that know nothing of it. `/.well-known/jmap` and everything under `/jmap/` go to the
 * user server of whoever the request authenticates as, WebSockets too; app passwords are made and revoked under
 * `/hub/slots`, accounts under `/hub/accounts` and `/hub/account`; the web page is at `/`. Any other request that nobody has authenticated reaches no user server.
 */
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Log, Scope, whenAborted } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import type { Page } from '../page/page.ts';
import type { AccountDoor } from './account-door.ts';
import type { Admission, Admitted, Ways } from './admission.ts';
import type { Credential } from './authenticator.ts';
import { FORWARDED_HEADER, forwardRequest, forwardUpgrade } from './forward.ts';
import { answerProblem, problemOf } from './http-problem.ts';
import type { Origin } from './listener.ts';
import type { OperatorPage } from './operator-page.ts';
import type { PasswordDoor } from './password-door.ts';
import type { Session } from './sessions.ts';
import type { SlotDoor } from './slot-door.ts';
import type { Tickets } from './tickets.ts';
import { asHubError, bearerOf, dial, join, ownHeaders, passedOn, TICKET_HEADER, upgrade } from './upstream.ts';

export interface HttpDoorDeps {
  readonly log: Log;
  readonly admission: Admission;
  readonly tickets: Tickets;
  readonly slotDoor: SlotDoor;
  readonly accountDoor: AccountDoor;
  readonly passwordDoor: PasswordDoor;
  /** Undefined: it is off. */
  readonly operatorPage: OperatorPage | undefined;
  /** Undefined where none was built. */
  readonly page: Page | undefined;
  /** What URLs in answers begin with; by default, what the request says. */
  readonly publicUrl: string | undefined;
  readonly isSecure: boolean;
  readonly onRefused: (code: string) => void;
  readonly health: () => readonly string[];
}

const LOCAL_USER = /^([^:]*@localhost:[0-9]{1,5}):(.*)$/s;
const WELL_KNOWN = '/.well-known/jmap';

export class HttpDoor implements AsyncDisposable {
  readonly #deps: HttpDoorDeps;
  readonly #scope: Scope;

  constructor(deps: HttpDoorDeps) {
    this.#deps = deps;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a request failed'));
  }

  onRequest(request: IncomingMessage, response: ServerResponse, origin: Origin): void {
    response.on('error', (error) => this.#deps.log.debug({ error }, 'an answer was not taken'));
    this.#serve(
      request.socket,
      (signal) => this.#answer(request, response, origin, signal),
      (error) => {
        this.#deps.onRefused(error.code);
        if (response.headersSent) response.destroy();
        else answerProblem(response, error);
        request.resume(); // what is left of it is not wanted
      },
    );
  }

  onUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array, origin: Origin): void {
    socket.on('error', (error) => this.#deps.log.debug({ error }, 'a connection ended'));
    this.#serve(
      socket,
      (signal) => this.#accept(request, socket, head, origin, signal),
      (error) => {
        this.#deps.onRefused(error.code);
        const { status, title } = problemOf(error);
        socket.end(`HTTP/1.1 ${status} ${title}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
          socket.destroy(),
        );
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #serve(socket: Duplex, act: (signal: AbortSignal) => Promise<void>, refuse: (error: HubError) => void): void {
    this.#scope.spawn('request', async (scope) => {
      const gone = new AbortController();
      const onClose = (): void => gone.abort(new DOMException('the connection ended', 'AbortError'));
      socket.once('close', onClose);
      const signal = AbortSignal.any([scope, gone.signal]);
      try {
        await act(signal);
      } catch (error) {
        if (signal.aborted) return; // whoever asked has gone, or we do
        if (!(error instanceof HubError)) this.#deps.log.error({ error }, 'a request failed');
        refuse(error instanceof HubError ? error : new HubError('failed', 'the hub failed; its log says why'));
      } finally {
        socket.off('close', onClose);
      }
    });
  }

  async #answer(
    request: IncomingMessage,
    response: ServerResponse,
    origin: Origin,
    signal: AbortSignal,
  ): Promise<void> {
    if (this.#deps.page?.answer(request, response) === true) return;
    const path = pathOf(request);
    if (path === '/healthz') {
      const problems = this.#deps.health();
      response.writeHead(problems.length === 0 ? 200 : 503, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ ok: problems.length === 0, problems }));
      return;
    }
    if (this.#deps.operatorPage?.serves(path) === true) {
      await this.#deps.operatorPage.answer(request, response, origin.remote);
      return;
    }
    if (this.#deps.accountDoor.serves(path)) {
      await this.#deps.accountDoor.answer(request, response, origin.remote, signal);
      return;
    }
    const { passwordDoor, slotDoor } = this.#deps;
    const isOwn = path.startsWith('/hub/slots') || passwordDoor.serves(path);
    if (path !== WELL_KNOWN && !path.startsWith('/jmap/') && !isOwn) throw new HubError('absent', 'nothing is here');
    const here = async (): Promise<void> => {
      using admitted = await this.#admit(request, origin, () => response.destroy(), signal);
      if (passwordDoor.serves(path)) await passwordDoor.answer(request, response, admitted, origin.remote, signal);
      else if (isOwn) await slotDoor.answer(request, response, admitted.session);
      else await this.#pass(request, response, admitted, signal);
    };
    await this.#route(request, { here, on: (to) => forwardRequest(to, request, response, signal) }, signal);
  }

  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    admitted: Admitted,
    signal: AbortSignal,
  ): Promise<void> {
    const { session } = admitted;
    const bearer = bearerOf(session, this.#baseOf(request));
    const path = pathOf(request) === WELL_KNOWN ? '/jmap/session' : request.url;
    const asking = (socket: Socket): Promise<IncomingMessage> =>
      ask(socket, request, { path, headers: { ...passedOn(request.headers), ...ownHeaders(bearer) } }, signal);
    // What may have been done is not sent to the process that follows: of anything but reading, nothing was said before.
    const answer = isReading(request)
      ? await admitted.reach(async (running) => asking(await dial(running)))
      : await asking(await admitted.reach(dial));
    const ticket = answer.headers[TICKET_HEADER];
    if (typeof ticket === 'string') {
      await this.#stream(answer, response, ticket, session, signal);
      return;
    }
    response.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    // Events must not wait for the first of them.
    response.flushHeaders();
    await pipeline(answer, response);
  }

  /** The head is the user server's, the octets are what its ticket is for. */
  async #stream(
    answer: IncomingMessage,
    response: ServerResponse,
    ticket: string,
    session: Session,
    signal: AbortSignal,
  ): Promise<void> {
    answer.resume();
    await using stream = await this.#deps.tickets.redeem(ticket, session);
    response.writeHead(answer.statusCode ?? 502, { ...passedOn(answer.headers), 'content-length': stream.size });
    await pipeline(stream.octets, response, { signal });
  }

  async #accept(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    origin: Origin,
    signal: AbortSignal,
  ): Promise<void> {
    if (!pathOf(request).startsWith('/jmap/')) throw new HubError('absent', 'nothing is here');
    const here = (): Promise<void> => this.#carry(request, socket, head, origin, signal);
    await this.#route(request, { here, on: (to) => forwardUpgrade(to, request, socket, head, signal) }, signal);
  }

  async #carry(
    request: IncomingMessage,
    socket: Duplex,
    head: Uint8Array,
    origin: Origin,
    signal: AbortSignal,
  ): Promise<void> {
    using admitted = await this.#admit(request, origin, () => socket.destroy(), signal);
    const { session } = admitted;
    const bearer = bearerOf(session, this.#baseOf(request));
    const headers = { ...passedOn(request.headers), connection: 'upgrade', upgrade: request.headers.upgrade };
    const {
      response,
      stream,
      head: begun,
    } = await admitted.reach((running) => upgrade(running, request.url ?? '/', { ...headers, ...ownHeaders(bearer) }));
    const lines = response.rawHeaders.reduce(
      (text, part, index) => text + (index % 2 === 0 ? `${part}: ` : `${part}\r\n`),
      '',
    );
    socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines}\r\n`);
    if (begun.length > 0) stream.unshift(begun);
    if (head.length > 0) socket.unshift(head);
    using _ = whenAborted(signal, () => stream.destroy());
    await join(socket, stream);
  }

  #route(request: IncomingMessage, ways: Ways, signal: AbortSignal): Promise<void> {
    const isForwarded = request.headers[FORWARDED_HEADER] !== undefined;
    return this.#deps.admission.route({ credential: credentialOf(request), isForwarded }, ways, signal);
  }

  async #admit(request: IncomingMessage, origin: Origin, cut: () => void, signal: AbortSignal): Promise<Admitted> {
    const { admission } = this.#deps;
    const grant = await admission.authenticator.grant(credentialOf(request), origin.remote, signal);
    return admission.admit(admission.sessionOf(grant, 'http'), cut, signal);
  }

  #baseOf(request: IncomingMessage): string {
    const { isSecure, publicUrl } = this.#deps;
    return publicUrl ?? `${isSecure ? 'https' : 'http'}://${request.headers.host ?? 'localhost'}`;
  }
}

/** Passes a request on, and begins with its answer. Throws HubError `absent`; rejects with the signal's reason. */
function ask(
  socket: Socket,
  request: IncomingMessage,
  { headers, path }: { readonly headers: OutgoingHttpHeaders; readonly path: string | undefined },
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const asked = httpRequest({ createConnection: () => socket, method: request.method, path, headers, signal });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    asked.once('response', resolve);
    asked.once('error', (cause) => reject(signal.aborted ? signal.reason : asHubError(cause)));
  });
  if (isReading(request)) asked.end();
  // The user server may answer, and end, before it has read everything: whoever waits for the answer sees that it fails.
  else pipeline(request, asked).catch(() => undefined);
  return answered;
}

/** Reads and has no body (RFC 9110, section 9.2.1): it may be asked again. */
function isReading({ headers, method }: IncomingMessage): boolean {
  const hasBody = headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0';
  return (method === 'GET' || method === 'HEAD') && !hasBody;
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] as string;
}

/** Basic (RFC 7617) or Bearer (RFC 6750). Throws HubError `unauthenticated`. */
function credentialOf({ headers }: IncomingMessage): Credential {
  const [, scheme = '', value = ''] = /^(\w+) +(\S+)$/.exec(headers.authorization ?? '') ?? [];
  if (scheme.toLowerCase() === 'bearer') return { secret: value };
  const text = scheme.toLowerCase() === 'basic' ? Buffer.from(value, 'base64').toString('utf8') : '';
  // A loopback home's address has a colon of its own before its port.
  const [, user, secret] = LOCAL_USER.exec(text) ?? /^([^:]*):(.*)$/s.exec(text) ?? [];
  if (user === undefined || secret === undefined)
    throw new HubError('unauthenticated', 'say who you are: Basic or Bearer');
  return { user, secret };
}

/**
 * Asks the control server for one-time tickets: large octets of this person's blobs then go from the disk to their program
 * without passing this process.
 */
import { isAbort, type Log } from '../../base/index.ts';
import type { ByteRange } from '../../jmap/index.ts';
import type { Address, Json } from '../../protocol/index.ts';
import type { Component } from '../component/component.ts';
import type { InstanceId, SessionId } from '../component/ids.ts';
import { ticketAnswer } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import type { UserServer } from './user-server.ts';

export interface TicketAskerDeps {
  readonly log: Log;
  readonly component: Component;
  /** Throws HubError when it is not unlocked. */
  readonly user: () => UserServer;
}

export interface NamedBlob {
  readonly accountId: string;
  readonly blobId: string;
}

interface Asked extends NamedBlob {
  readonly session: SessionId;
  /** Absent: all of it. */
  readonly range?: ByteRange;
}

export class TicketAsker {
  readonly #deps: TicketAskerDeps;
  readonly #user: Address;
  readonly #control: InstanceId;

  constructor(deps: TicketAskerDeps, options: { readonly user: Address; readonly control: InstanceId }) {
    this.#deps = deps;
    this.#user = options.user;
    this.#control = options.control;
  }

  /** Undefined: it is no blob by itself in this person's folder, or no ticket can be had now, and it goes the usual way. */
  async ask(
    asked: Asked,
    signal: AbortSignal,
  ): Promise<{ readonly ticket: string; readonly size: number } | undefined> {
    try {
      return await this.#ask(asked, signal);
    } catch (error) {
      if (isAbort(error, signal) || !(error instanceof HubError)) throw error;
      this.#deps.log.debug({ err: error }, 'no ticket was had');
      return undefined;
    }
  }

  /** What a program is told that asks for one. Throws HubError `absent`, `busy`, `late`. */
  async ticketFor(
    session: SessionId | undefined,
    { accountId, blobId }: NamedBlob,
    signal: AbortSignal,
  ): Promise<Json> {
    const answer = session === undefined ? undefined : await this.#ask({ session, accountId, blobId }, signal);
    if (answer !== undefined) return answer;
    throw new HubError('absent', 'no blob of its own has that id', { fix: 'Download it by HTTP.' });
  }

  async #ask(
    { accountId, blobId, range, session }: Asked,
    signal: AbortSignal,
  ): Promise<{ readonly ticket: string; readonly size: number } | undefined> {
    const size = await this.#deps.user().storedSize(accountId, blobId);
    if (size === undefined) return undefined;
    const { end, start } = range ?? { start: 0, end: size };
    const about = { user: this.#user, session, signal };
    const answer = await this.#deps.component.request(
      this.#control,
      'ticket',
      { accountId, blobId, start, end },
      about,
    );
    return { ...ticketAnswer.parse(answer), size: end - start };
  }
}

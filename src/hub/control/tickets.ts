/**
 * One-time tickets for large bodies. A user server asks for one for a session of its user; the session shows it once, soon,
 * and the octets come from the user's folder without passing the user server. A ticket that is shown is gone, whoever shows
 * it; shown by another session or too late it opens nothing, and nothing tells which it was. In memory only.
 */
import { join } from 'node:path';
import { type Clock, type SecureRandom, toHex } from '../../base/index.ts';
import type { Address } from '../../protocol/index.ts';
import type { Component, Sender } from '../component/component.ts';
import type { SessionId } from '../component/ids.ts';
import { type TicketRequest, ticketRequest } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { BLOBS_FOLDER } from '../user-server/limits.ts';
import { openSealedBlob } from '../user-server/sealed-blob-file.ts';
import type { KeyRing } from './key-ring.ts';
import { TICKET_MS, TICKETS_PER_USER_MAX } from './limits.ts';
import type { Session, Sessions } from './sessions.ts';
import type { UserFolders } from './user-folders.ts';

export interface TicketsDeps {
  readonly clock: Clock;
  readonly random: SecureRandom;
  readonly folders: UserFolders;
  readonly keyRing: KeyRing;
  readonly sessions: Sessions;
}

interface Ticket extends TicketRequest {
  readonly user: Address;
  readonly session: SessionId;
  readonly until: number;
}

/** Octets on their way. Disposing closes the file. */
export interface BlobStream extends AsyncDisposable {
  readonly size: number;
  readonly octets: AsyncIterable<Uint8Array>;
}

const TICKET_BYTES = 32;

export class Tickets {
  readonly #deps: TicketsDeps;
  /** By what is shown; the oldest first. */
  readonly #issued = new Map<string, Ticket>();

  constructor(deps: TicketsDeps) {
    this.#deps = deps;
  }

  /** Answers `ticket` on the bus. */
  serve(component: Component): void {
    component.handle('ticket', async (body, sender) => {
      const { data, success } = ticketRequest.safeParse(body);
      if (!success) throw new HubError('malformed', 'not a request for a ticket');
      return { ticket: this.#issue(data, sender) };
    });
  }

  /**
   * What the ticket is for, and the end of the ticket. Throws HubError `refused`, whatever is wrong with it; `absent` for a
   * blob that is not there any more, `damaged`, `locked`.
   */
  async redeem(ticket: string, { id, user }: Pick<Session, 'id' | 'user'>): Promise<BlobStream> {
    const issued = this.#issued.get(ticket);
    this.#issued.delete(ticket);
    const isGood = issued !== undefined && issued.session === id && issued.user === user;
    if (!isGood || issued.until <= this.#deps.clock.monotonic())
      throw new HubError('refused', 'this ticket opens nothing', { fix: 'Ask for another one.' });
    const { accountId, blobId, end, start } = issued;
    const path = join(this.#deps.folders.of(user), BLOBS_FOLDER, accountId, blobId);
    const file = await this.#deps.keyRing.with(user, (hubKey) => openBlob(path, hubKey, { start, end }));
    return { size: end - start, octets: file, [Symbol.asyncDispose]: () => file[Symbol.asyncDispose]() };
  }

  /** Forgets what nobody has shown in time. */
  sweep(): void {
    const now = this.#deps.clock.monotonic();
    for (const [ticket, { until }] of this.#issued) {
      if (until > now) return;
      this.#issued.delete(ticket);
    }
  }

  #issue(request: TicketRequest, { session, user }: Sender): string {
    const { clock, random, sessions } = this.#deps;
    if (user === undefined || session === undefined || !sessions.isOpen(session, user))
      throw new HubError('absent', 'no session of this user has that id');
    this.sweep();
    const count = [...this.#issued.values()].filter((issued) => issued.user === user).length;
    if (count >= TICKETS_PER_USER_MAX) throw new HubError('busy', 'too many tickets of this user wait');
    const ticket = toHex(random.bytes(TICKET_BYTES));
    this.#issued.set(ticket, { ...request, user, session, until: clock.monotonic() + TICKET_MS });
    return ticket;
  }
}

async function openBlob(
  ...[path, hubKey, range]: Parameters<typeof openSealedBlob>
): ReturnType<typeof openSealedBlob> {
  try {
    return await openSealedBlob(path, hubKey, range);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
    throw new HubError('absent', 'the blob is not there any more', { cause });
  }
}

/**
 * Tells people, over their connections, what became of their mail at other homes and mail servers: all that is known to whoever asks, and
 * from then on what is new. A hint that is lost costs nothing: the next connection asks again.
 */
import { fromHex } from '../base/index.ts';
import type { Messaging } from '../federation/index.ts';
import { type Address, type Delivery, type DeliveryReport, DeliveryStatus } from '../protocol/index.ts';
import type { Letters } from './letters.ts';
import type { Session } from './session.ts';

const STATUSES: Record<DeliveryReport['status'], DeliveryStatus> = {
  refused: DeliveryStatus.REFUSED,
  delayed: DeliveryStatus.DELAYED,
  delivered: DeliveryStatus.DELIVERED,
};

export interface DeliveriesDeps {
  readonly messaging: Pick<Messaging, 'reports' | 'reportsOf'> | undefined;
  readonly letters: Pick<Letters, 'reports' | 'reportsOf'>;
}

export class Deliveries {
  readonly #deps: DeliveriesDeps;
  readonly #asked = new Map<Address, Set<Session>>();

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
    for (const source of [deps.messaging, deps.letters])
      source?.reports.on('report', ({ author, report }) => this.#tell(author, report));
  }

  async answer(session: Session, author: Address, request: number): Promise<void> {
    // First, so that nothing falls between what is read and what is pushed.
    this.#follow(session, author);
    const { letters, messaging } = this.#deps;
    const reports = [...((await messaging?.reportsOf(author)) ?? []), ...(await letters.reportsOf(author))];
    await session.send({ oneofKind: 'deliveries', deliveries: { request, deliveries: reports.map(deliveryOf) } });
  }

  #follow(session: Session, author: Address): void {
    const sessions = this.#asked.get(author) ?? new Set();
    if (session.signal.aborted || sessions.has(session)) return;
    this.#asked.set(author, sessions.add(session));
    const forget = (): void => {
      sessions.delete(session);
      if (sessions.size === 0) this.#asked.delete(author);
    };
    session.signal.addEventListener('abort', forget, { once: true });
  }

  #tell(author: Address, report: DeliveryReport): void {
    const deliveries = { request: 0, deliveries: [deliveryOf(report)] };
    for (const session of this.#asked.get(author) ?? [])
      session.spawn('delivery', () => session.send({ oneofKind: 'deliveries', deliveries }));
  }
}

function deliveryOf({ at, pdu, queuedAt, recipients, reply = '', status, ...said }: DeliveryReport): Delivery {
  return {
    ...said,
    reply,
    pdu: fromHex(pdu),
    recipients: [...recipients],
    status: STATUSES[status],
    at: Math.floor(at * 1000),
    queuedAt: Math.floor(queuedAt * 1000),
  };
}

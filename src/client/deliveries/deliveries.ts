/**
 * Delivery reports on this device: asked for with each connection, heard of while it lasts, kept, bounded. Each node of a
 * home knows of what it sends itself, so what several say is joined: of a mail and a home the latest word counts. What is
 * said of a blind copy is told of the mail that its author has.
 */
import { fromUtf8 } from '../../base/index.ts';
import { type DeliveryReport, decodeReport, encodeReport, type PduId } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { NodeConnection } from '../connection/index.ts';
import { DELIVERIES, deliveryKey, handedInKey } from '../keys.ts';
import { DELIVERIES_KEPT_MAX } from '../limits.ts';
import { reportOf } from './delivery-report.ts';

export interface DeliveriesDeps {
  readonly store: Store;
  /** The mail that the author has of a PDU: another than itself for a blind copy, which goes in a PDU of its own. */
  readonly mailOf: (id: PduId) => Promise<PduId>;
  /** It is on disk, and was not before. */
  readonly onReport: (report: DeliveryReport) => void;
}

export class Deliveries {
  readonly #deps: DeliveriesDeps;

  constructor(deps: DeliveriesDeps) {
    this.#deps = deps;
  }

  /** All that is known, newest first. */
  async list(): Promise<readonly DeliveryReport[]> {
    const rows = await this.#deps.store.range({ ...DELIVERIES, limit: DELIVERIES_KEPT_MAX });
    const reports = await Promise.all(rows.map(({ value }) => this.#ofMail(decodeReport(value))));
    return reports.sort((a, b) => b.at - a.at);
  }

  /** Of one mail: one for each home that something is known of, and for each blind copy; newest first. */
  async of(id: PduId): Promise<readonly DeliveryReport[]> {
    return (await this.list()).filter(({ pdu }) => pdu === id);
  }

  /** By which key the mail was handed in as exact bytes (`sendRaw`), for whoever knows it by that; Bcc included. */
  async keyOf(id: PduId): Promise<string | undefined> {
    const row = await this.#deps.store.get(handedInKey(id));
    return row === undefined ? undefined : fromUtf8(row);
  }

  /** Asks, and listens from then on. A node of an older version is asked nothing. Throws ConnectionError. */
  async ask(connection: NodeConnection): Promise<void> {
    if (!connection.info.deliveries) return;
    const { deliveries } = await connection.request('deliveries', (request) => ({
      oneofKind: 'getDeliveries',
      getDeliveries: { request },
    }));
    await this.take(deliveries.deliveries.flatMap((one) => reportOf(one) ?? []));
  }

  async take(said: readonly DeliveryReport[]): Promise<void> {
    if (said.length === 0) return;
    const told = new Map<DeliveryReport, DeliveryReport>();
    for (const report of said) told.set(report, await this.#ofMail(report));
    await this.#deps.store.transact(async (transaction) => {
      for (const report of said) {
        const [recipient = report.home] = report.reply === undefined ? [] : report.recipients;
        const key = deliveryKey(report.pdu, recipient);
        const row = await transaction.get(key);
        if (row !== undefined && decodeReport(row).at >= report.at) continue;
        transaction.put(key, encodeReport(report));
        transaction.onCommit(() => this.#deps.onReport(told.get(report) ?? report));
      }
      const all = await transaction.range({ ...DELIVERIES, limit: DELIVERIES_KEPT_MAX + said.length });
      const oldestFirst = all
        .map(({ key, value }) => ({ key, at: decodeReport(value).at }))
        .sort((a, b) => a.at - b.at);
      for (const { key } of oldestFirst.slice(0, Math.max(0, all.length - DELIVERIES_KEPT_MAX)))
        transaction.delete(key);
    });
  }

  async #ofMail(report: DeliveryReport): Promise<DeliveryReport> {
    return { ...report, pdu: await this.#deps.mailOf(report.pdu) };
  }
}

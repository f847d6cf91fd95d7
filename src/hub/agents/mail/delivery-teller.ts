/**
 * Tells the user server what became of mail at other homes, by the keys under which it handed that mail in. All of it each
 * time: it is little, what is known there already changes nothing, and so neither end need remember what was told.
 */
import type { Clock } from '../../../base/index.ts';
import type { Client } from '../../../client/index.ts';
import { TELL_RETRY_MS } from '../limits.ts';
import type { ToldCalls, ToldDelivery } from './mail-protocol.ts';

type Told = ToldCalls['deliveries'];

export interface DeliveryTellerDeps {
  readonly clock: Clock;
  readonly deliveries: Pick<Client['deliveries'], 'list' | 'keyOf'>;
  readonly tell: (request: Told['request'], signal: AbortSignal) => Promise<Told['reply']>;
}

export class DeliveryTeller {
  readonly #deps: DeliveryTellerDeps;
  #wake: () => void = () => undefined;

  constructor(deps: DeliveryTellerDeps) {
    this.#deps = deps;
  }

  /** There is something new; several at once are told together. */
  heard(): void {
    this.#wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', () => this.#wake(), { once: true });
    while (!signal.aborted) {
      const woken = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if (await this.#tellAll(signal)) await woken;
      else await this.#deps.clock.sleep(TELL_RETRY_MS, signal);
    }
  }

  /** False: some of it is still being handed in there, and is to be told again. */
  async #tellAll(signal: AbortSignal): Promise<boolean> {
    const deliveries: ToldDelivery[] = [];
    for (const { pdu, ...report } of await this.#deps.deliveries.list()) {
      const key = await this.#deps.deliveries.keyOf(pdu);
      if (key !== undefined) deliveries.push({ ...report, key });
    }
    return deliveries.length === 0 || !(await this.#deps.tell({ deliveries }, signal)).isLater;
  }
}

/**
 * The way to the control server: this component on its bus. It ends with the control server, and the user server with it;
 * unless the control server has said that another process relieves it. Then the component goes on at the bus of that one,
 * which has the same name, keys and numbers, as every message on it proves.
 */
import { type Clock, type CryptoSuite, isAbort, type Log, Scope, untilAborted } from '../../base/index.ts';
import { IpcBus } from '../bus/ipc/ipc-bus.ts';
import { Component } from '../component/component.ts';
import type { Launch } from '../component/launch.ts';
import { HubError } from '../hub-error.ts';
import { REJOIN_INTERVAL_MS, REJOIN_TIMEOUT_MS } from './limits.ts';

export interface ControlLineDeps {
  readonly clock: Clock;
  readonly suite: CryptoSuite;
  readonly log: Log;
}

type Address = Pick<Launch, 'busPath' | 'control' | 'instance' | 'keys' | 'user'>;

export class ControlLine implements AsyncDisposable {
  readonly component: Component;
  readonly #deps: ControlLineDeps;
  readonly #address: Address;
  readonly #scope: Scope;
  readonly #lost = new AbortController();
  #bus: IpcBus;
  #isRelieved = false;
  #onRejoined: () => void = () => undefined;

  private constructor(deps: ControlLineDeps, address: Address, bus: IpcBus, component: Component) {
    this.#deps = deps;
    this.#address = address;
    this.#bus = bus;
    this.component = component;
    this.#scope = new Scope((task, error) =>
      deps.log.error({ err: error, task }, 'the line to the control server failed'),
    );
  }

  /** Throws as `IpcBus.connect`. */
  static async open(deps: ControlLineDeps, address: Address): Promise<ControlLine> {
    const { busPath, control, instance, keys } = address;
    const bus = await IpcBus.connect(deps, busPath);
    const component = await Component.open({ ...deps, bus }, { instance, keys });
    component.correspondence.meet(control);
    const line = new ControlLine(deps, address, bus, component);
    component.handle('relieve', async () => {
      line.#isRelieved = true;
      return {};
    });
    line.#scope.spawn('follow', (signal) => line.#follow(signal));
    return line;
  }

  /** Aborted when the control server has gone, and nobody has relieved it. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Calls back whenever another process has relieved the control server: what it was told last may have been lost. */
  onRejoined(listener: () => void): void {
    this.#onRejoined = listener;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
    await this.component[Symbol.asyncDispose]();
    await this.#bus[Symbol.asyncDispose]();
  }

  async #follow(signal: AbortSignal): Promise<void> {
    try {
      for (;;) {
        await untilAborted(AbortSignal.any([signal, this.component.lost]));
        if (signal.aborted || !this.#isRelieved || !(await this.#rejoin(signal))) return;
        this.#onRejoined();
      }
    } finally {
      // Whatever went wrong: nobody would ever stop a user server without a control server.
      if (!signal.aborted) this.#lost.abort();
    }
  }

  /** False: nobody has come in time. */
  async #rejoin(signal: AbortSignal): Promise<boolean> {
    const { clock, log } = this.#deps;
    this.#isRelieved = false;
    const until = clock.monotonic() + REJOIN_TIMEOUT_MS;
    while (clock.monotonic() < until) {
      try {
        if (this.component.lost.aborted) await this.#reconnect();
        const { control, user } = this.#address;
        await this.component.request(
          control.instance,
          'rejoin',
          {},
          { user, signal, timeoutMs: REJOIN_INTERVAL_MS * 10 },
        );
        return true;
      } catch (error) {
        if (isAbort(error, signal) || !(error instanceof HubError)) throw error;
        log.debug({ code: error.code }, 'nobody has relieved the control server yet');
      }
      await clock.sleep(REJOIN_INTERVAL_MS, signal);
    }
    return false;
  }

  async #reconnect(): Promise<void> {
    const bus = await IpcBus.connect(this.#deps, this.#address.busPath);
    const before = this.#bus;
    this.#bus = bus;
    await before[Symbol.asyncDispose]();
    await this.component.moveTo(bus);
  }
}

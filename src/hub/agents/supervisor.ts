/**
 * Keeps one agent running: starts it, asks it again and again whether it still answers, ends it when it does not, and starts
 * it anew after a wait that doubles. An agent that ends soon after its start, time after time, rests: its breaker is open,
 * and the status says so. Whoever asks an agent waits for it to be there.
 */
import { abortable, type Clock, isAbort, type Log, Scope, withDeadline } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import {
  AGENT_CALL_TIMEOUT_MS,
  BREAKER_REST_MS,
  FAILED_STARTS_MAX,
  GOOD_START_MS,
  PING_INTERVAL_MS,
  RESTART_CEILING_MS,
  RESTART_FIRST_MS,
} from './limits.ts';
import { AgentLine, type Calls, type Handlers, type LinePort } from './line.ts';

/** An agent that was started, isolated from whoever started it. */
export interface StartedAgent extends AsyncDisposable {
  readonly port: LinePort;
  /** Settles when it has ended, by itself or not. */
  readonly ended: Promise<{ readonly reason: string }>;
}

export type PingCalls = { readonly ping: { readonly request: object; readonly reply: object } };

export interface SupervisorDeps<Answered extends Calls> {
  readonly clock: Clock;
  readonly log: Log;
  readonly start: () => StartedAgent;
  readonly handlers: Handlers<Answered>;
  readonly onStatus?: (status: SupervisorStatus) => void;
}

export interface SupervisorOptions {
  readonly name: string;
  /** An agent that does not answer for so long is ended. */
  readonly timeoutMs: number;
  /** It is first started so long after, or when something is asked of it. */
  readonly delayMs?: number;
}

export type SupervisorStatus =
  | { readonly state: 'running'; readonly restarts: number }
  | { readonly state: 'waiting'; readonly restarts: number; readonly reason: string }
  /** The breaker is open: it is tried again at `until`, milliseconds of the clock. */
  | { readonly state: 'resting'; readonly restarts: number; readonly reason: string; readonly until: number };

export class Supervisor<Asked extends PingCalls & Calls, Answered extends Calls> implements AsyncDisposable {
  readonly #deps: SupervisorDeps<Answered>;
  readonly #options: SupervisorOptions;
  readonly #scope: Scope;
  #line: AgentLine<Asked, Answered> | undefined;
  #agent: StartedAgent | undefined;
  #started: Latch = latch();
  readonly #wanted: Latch = latch();
  #status: SupervisorStatus = { state: 'waiting', restarts: 0, reason: 'not started yet' };
  #restarts = 0;

  constructor(deps: SupervisorDeps<Answered>, options: SupervisorOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#scope = new Scope((task, error) =>
      deps.log.error({ err: error, task }, 'the supervision of an agent failed'),
    );
    this.#scope.spawn('agent', (signal) => this.#run(signal));
  }

  get status(): SupervisorStatus {
    return this.#status;
  }

  /** Waits for the agent when it is just being started. Throws HubError `late`, `unavailable` while it rests, its own. */
  ask<Name extends keyof Asked & string>(
    name: Name,
    request: Asked[Name]['request'],
    signal: AbortSignal,
    timeoutMs: number = AGENT_CALL_TIMEOUT_MS,
  ): Promise<Asked[Name]['reply']> {
    const late = (): Error =>
      new HubError('late', `the agent ${this.#options.name} does not answer`, { retry: 'later' });
    return withDeadline(this.#deps.clock, timeoutMs, signal, late, async (inTime) => {
      this.#wanted.resolve();
      while (this.#line === undefined) {
        if (this.#status.state === 'resting')
          throw new HubError('unavailable', `the agent ${this.#options.name} rests after failures`, { retry: 'later' });
        await abortable(this.#started.promise, inTime);
      }
      return this.#line.call(name, request, inTime);
    });
  }

  /** Ends the agent, which may finish what it does. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent?.[Symbol.asyncDispose]();
    await this.#scope[Symbol.asyncDispose]();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#deps;
    const { delayMs = 0, name } = this.#options;
    await Promise.race([clock.sleep(delayMs, signal), this.#wanted.promise]);
    let failedStarts = 0;
    for (;;) {
      const startedAt = clock.monotonic();
      const reason = await this.#live(signal);
      if (signal.aborted) return;
      log.warn({ agent: name, reason }, 'an agent has ended and is started again');
      const isGoodStart = clock.monotonic() - startedAt >= GOOD_START_MS;
      failedStarts = isGoodStart ? 1 : failedStarts + 1;
      this.#restarts += 1;
      const isResting = failedStarts >= FAILED_STARTS_MAX;
      const waitMs = isResting
        ? BREAKER_REST_MS
        : Math.min(RESTART_FIRST_MS * 2 ** (failedStarts - 1), RESTART_CEILING_MS);
      const common = { restarts: this.#restarts, reason };
      if (isResting) log.error({ agent: name, reason }, 'an agent ends again and again and rests');
      this.#say(
        isResting ? { state: 'resting', ...common, until: clock.now() + waitMs } : { state: 'waiting', ...common },
      );
      // Who waits for it hears that it rests.
      if (isResting) {
        this.#started.resolve();
        this.#started = latch();
      }
      await clock.sleep(waitMs, signal);
    }
  }

  /** One life of the agent. Resolves with why it ended. */
  async #live(signal: AbortSignal): Promise<string> {
    await using agent = this.#deps.start();
    using line = new AgentLine<Asked, Answered>({ log: this.#deps.log, port: agent.port }, this.#deps.handlers);
    this.#agent = agent;
    this.#line = line;
    this.#say({ state: 'running', restarts: this.#restarts });
    this.#started.resolve();
    const watch = new AbortController();
    const stop = (): void => watch.abort(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await Promise.race([agent.ended.then(({ reason }) => reason), this.#watch(line, watch.signal)]);
    } finally {
      signal.removeEventListener('abort', stop);
      watch.abort();
      // Its end may take a while: whoever asks meanwhile waits for the next one, and not in a circle.
      this.#started = latch();
      this.#line = undefined;
      this.#agent = undefined;
    }
  }

  /** Resolves when the agent does not answer any more. */
  async #watch(line: AgentLine<Asked, Answered>, signal: AbortSignal): Promise<string> {
    const { clock } = this.#deps;
    const { timeoutMs } = this.#options;
    const late = (): Error => new HubError('late', `no answer for ${timeoutMs} ms`);
    try {
      for (;;) {
        await withDeadline(clock, timeoutMs, signal, late, (inTime) => line.call('ping', {}, inTime));
        await clock.sleep(PING_INTERVAL_MS, signal);
      }
    } catch (error) {
      if (isAbort(error, signal)) return 'ended';
      return error instanceof Error ? error.message : 'it does not answer';
    }
  }

  #say(status: SupervisorStatus): void {
    this.#status = status;
    this.#deps.onStatus?.(status);
  }
}

interface Latch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
}

function latch(): Latch {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

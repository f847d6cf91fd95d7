/**
 * One user's server process and who waits for it: performs what `stepLife` decides. Everything that happens is an event;
 * whoever wants the server waits until it is ready or given up.
 */
import { abortable, isAbort, Scope, untilAborted, whenAborted, withDeadline } from '../../base/index.ts';
import type { Address, Json } from '../../protocol/index.ts';
import { createInstanceId, type InstanceId, type SessionId } from '../component/ids.ts';
import { createComponentKeys, publicKeysOf } from '../component/keys.ts';
import { encodeLaunch } from '../component/launch.ts';
import { type HubScope, pong } from '../component/user-server-protocol.ts';
import { HubError } from '../hub-error.ts';
import { adoptChild, UNTOLD } from './adopted-child.ts';
import { type Life, type LifeEffect, type LifeEvent, STOPPED, stepLife } from './life.ts';
import {
  CHECK_TIMEOUT_MS,
  HEAP_SHARE,
  OPEN_ATTEMPTS_MAX,
  STOP_TIMEOUT_MS,
  WAITERS_MAX,
  WAKE_INTERVAL_MS,
} from './limits.ts';
import type { LivingUserServer } from './relief.ts';
import { type Child, readFigures } from './spawner.ts';
import { createProcess, letGo, type UserProcess } from './user-process.ts';
import type { Running, Told, UserServerDeps, UserServerOptions } from './user-server-options.ts';
import type { UserServerStatus } from './user-server-status.ts';
import { Waiters } from './waiters.ts';

export class UserServer implements AsyncDisposable {
  readonly #deps: UserServerDeps;
  readonly #options: UserServerOptions;
  readonly #scope: Scope;
  readonly #waiters = new Waiters<Running>();
  #life: Life = STOPPED;
  #process: UserProcess | undefined;
  #connectionCount = 0;
  #wokenAt = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(deps: UserServerDeps, options: UserServerOptions) {
    this.#deps = deps;
    this.#options = options;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of a user server failed'));
  }

  get user(): Address {
    return this.#options.user;
  }

  get isStopped(): boolean {
    return this.#life.phase === 'stopped' && this.#waiters.count === 0 && this.#connectionCount === 0;
  }

  get isRunning(): boolean {
    return this.#life.phase === 'running';
  }

  get instance(): InstanceId | undefined {
    return this.#process?.instance;
  }

  get status(): UserServerStatus {
    const { child, figures, lags = [], startedAt } = this.#process ?? {};
    return {
      user: this.user,
      phase: this.#life.phase,
      connections: this.#connectionCount,
      lags,
      failures: this.#life.failures,
      pid: child?.pid,
      residentBytes: figures?.residentBytes ?? 0,
      cpuMs: figures?.cpuMs ?? 0,
      ageMs: startedAt === undefined ? 0 : this.#deps.clock.monotonic() - startedAt,
    };
  }

  /** Starts it if need be. Throws HubError `unavailable`, `busy`, `closed`, and what `claim` throws. */
  want(signal: AbortSignal): Promise<Running> {
    if (this.#waiters.count >= WAITERS_MAX) return Promise.reject(new HubError('busy', 'too many wait for this user'));
    if (this.#isClosed) return Promise.reject(new HubError('closed', 'the hub stops', { retry: 'later' }));
    const there = this.#waiters.wait(signal);
    this.#act({ type: 'wanted' });
    return there;
  }

  /** As `reach`, to tell of the session only. */
  openSession(session: SessionId, scopes: readonly HubScope[], signal: AbortSignal): Promise<Running> {
    return this.reach({ id: session, scopes }, async (running) => running, signal);
  }

  /**
   * Tells the running process of a session, once, and performs `act` with it. A process that ends meanwhile is followed by
   * another one, with which `act` is performed again: so it must have changed nothing when it throws HubError `absent`.
   */
  async reach<Result>(session: Told, act: (running: Running) => Promise<Result>, signal: AbortSignal): Promise<Result> {
    for (let attempt = 1; ; attempt++) {
      const running = await this.want(signal);
      const process = this.#process;
      try {
        if (process?.instance !== running.instance) throw new HubError('absent', 'the user server has just ended');
        await this.#tellOfSession(process, session, signal);
        return await act(running);
      } catch (error) {
        if (!(error instanceof HubError) || error.code !== 'absent' || attempt === OPEN_ATTEMPTS_MAX) throw error;
        // Who does not answer any more may be seen to end a moment later; until then it would be asked once more.
        const { clock } = this.#deps;
        await withDeadline(
          clock,
          STOP_TIMEOUT_MS,
          signal,
          () => error,
          (inTime) => abortable(process?.ended ?? Promise.resolve(), inTime),
        );
      }
    }
  }

  closeSession(session: SessionId): void {
    this.#process?.sessions.delete(session);
  }

  /** Counts as somebody who is connected until it is disposed of. */
  hold(): Disposable {
    this.#connectionCount++;
    this.#act({ type: 'connections', count: this.#connectionCount });
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#connectionCount--;
        this.#act({ type: 'connections', count: this.#connectionCount });
        if (this.isStopped) this.#deps.onStopped(this.user);
      },
    };
  }

  isReady(instance: InstanceId): void {
    if (this.#process?.instance !== instance) return;
    this.#process.turn?.[Symbol.dispose]();
    this.#act({ type: 'ready', connections: this.#connectionCount });
  }

  /** Tells the process, if there is one, that something has come for its user. A stream of mail is told now and then. */
  wake(reason: 'mail' | 'reminder'): void {
    const now = this.#deps.clock.monotonic();
    if (reason === 'mail' && now - this.#wokenAt < WAKE_INTERVAL_MS) return;
    this.#wokenAt = now;
    this.#tell('wake', { reason });
  }

  /** Tells the process, if there is one, that a login may be over. */
  judgeLogins(): void {
    this.#tell('logins', {});
  }

  #tell(kind: 'wake' | 'logins', body: Json): void {
    const instance = this.#process?.instance;
    if (instance === undefined || this.#life.phase !== 'running') return;
    this.#scope.spawn(kind, async (signal) => {
      try {
        await this.#deps.component.tell(instance, kind, body, { user: this.user });
      } catch (error) {
        if (!isAbort(error, signal)) this.#deps.log.debug({ error, user: this.user }, 'a user server ended by itself');
      }
    });
  }

  tick(): void {
    this.#act({ type: 'tick' });
  }

  stop(): void {
    this.#act({ type: 'stop' });
  }

  restart(): void {
    this.#act({ type: 'restart' });
  }

  /** Asks whether it lives and reads its memory; either may end it. */
  async check(signal: AbortSignal): Promise<void> {
    const process = this.#process;
    if (process?.child === undefined || this.#life.phase !== 'running') return;
    process.figures = await readFigures(process.child.pid);
    const { memoryBytes } = this.#options.launch.limits;
    const { log, component } = this.#deps;
    if ((process.figures?.residentBytes ?? 0) > memoryBytes) {
      log.warn({ user: this.user, ...process.figures }, 'a user server has grown too large and starts again');
      this.#unhealthy(process);
      return;
    }
    try {
      const options = { user: this.user, signal, timeoutMs: CHECK_TIMEOUT_MS };
      const answer = await component.request(process.instance, 'ping', {}, options);
      process.lags = pong.safeParse(answer).data?.lags ?? [];
    } catch (error) {
      if (!(error instanceof HubError) || error.code !== 'late') return; // it has ended, or we do
      log.warn({ user: this.user }, 'a user server does not answer and is ended');
      this.#unhealthy(process);
    }
  }

  /** Stops the process in order, then lets go. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#act({ type: 'stop' });
    const ended = this.#process?.ended ?? Promise.resolve();
    const waiting = new AbortController();
    const late = this.#deps.clock.sleep(STOP_TIMEOUT_MS, waiting.signal).catch(() => undefined);
    await Promise.race([ended, late]);
    waiting.abort();
    this.#process?.cancel.abort(new HubError('closed', 'the hub stops'));
    this.#process?.child?.kill();
    this.#waiters.refuse(new HubError('closed', 'the hub stops', { retry: 'later' }));
    await this.#scope[Symbol.asyncDispose]();
  }

  /** Lets its process go on under the control server that relieves ours. Undefined: it has none, or had to end it. */
  async leave(signal: AbortSignal): Promise<LivingUserServer | undefined> {
    this.#isClosed = true;
    this.#waiters.refuse(new HubError('closed', 'another process relieves this one', { retry: 'now' }));
    const process = this.#process;
    const { component } = this.#deps;
    const left =
      this.isRunning && process !== undefined ? await letGo(component, this.user, process, signal) : undefined;
    if (left === undefined) process?.child?.kill();
    process?.cancel.abort(new HubError('closed', 'another process relieves this one', { retry: 'now' }));
    await this.#scope[Symbol.asyncDispose]();
    return left === undefined ? undefined : { ...left, failures: this.#life.failures };
  }

  /** A process that the control server before this one has left; it serves as soon as it says so. */
  adopt({ bornAt, failures, fence, instance, pid }: LivingUserServer): void {
    const now = this.#deps.clock.monotonic();
    const process = createProcess(instance, new AbortController());
    process.fence = fence;
    process.startedAt = now;
    this.#life = { phase: 'starting', failures, since: now };
    this.#follow(process, (signal) => {
      process.child = adoptChild(this.#deps.clock, pid, bornAt, signal);
      return this.#attend(process, process.child);
    });
  }

  async #tellOfSession(process: UserProcess, { id, scopes }: Told, signal: AbortSignal): Promise<void> {
    if (process.sessions.has(id)) return;
    const about = { user: this.user, session: id, signal };
    await this.#deps.component.request(process.instance, 'session.open', { scopes: [...scopes] }, about);
    process.sessions.add(id);
  }

  #unhealthy(process: UserProcess): void {
    if (this.#process === process) this.#act({ type: 'unhealthy' });
  }

  #act(event: LifeEvent): void {
    const before = this.#life.phase;
    const { life, effects } = stepLife(this.#options, this.#life, event, this.#deps.clock.monotonic());
    this.#life = life;
    for (const effect of effects) this.#perform(effect);
    if (before !== life.phase) this.#deps.log.debug({ user: this.user, phase: life.phase }, 'a user server');
    if (before !== 'stopped' && this.isStopped) this.#deps.onStopped(this.user);
  }

  #perform(effect: LifeEffect): void {
    switch (effect) {
      case 'launch':
        this.#launch();
        return;
      case 'stop':
        this.#askToStop();
        return;
      case 'kill':
        this.#process?.cancel.abort(new HubError('closed', 'the user server is ended'));
        this.#process?.child?.kill();
        return;
      case 'admit':
        this.#admit();
        return;
      case 'refuse':
        this.#waiters.refuse(
          new HubError('unavailable', 'the user server fails again and again, and rests', {
            retry: 'later',
            fix: 'Its log says why; `restante hub restart USER` tries again at once.',
          }),
        );
        return;
    }
  }

  #admit(): void {
    const running = { instance: this.#process?.instance, socketPath: this.#options.launch.socketPath };
    this.#waiters.admit(running as Running);
  }

  #askToStop(): void {
    const instance = this.#process?.instance;
    if (instance === undefined) return;
    this.#scope.spawn('stop', async (signal) => {
      try {
        await this.#deps.component.request(
          instance,
          'stop',
          {},
          { user: this.user, signal, timeoutMs: STOP_TIMEOUT_MS },
        );
      } catch (error) {
        if (!isAbort(error, signal)) this.#deps.log.debug({ error, user: this.user }, 'a user server ended by itself');
      }
    });
  }

  #launch(): void {
    const process = createProcess(createInstanceId(this.#deps.random), new AbortController());
    this.#follow(process, (signal) => this.#run(process, AbortSignal.any([signal, process.cancel.signal])));
  }

  #follow(process: UserProcess, run: (signal: AbortSignal) => Promise<void>): void {
    this.#process = process;
    process.ended = new Promise((resolve) => {
      this.#scope.spawn('run', async (signal) => {
        try {
          await run(signal);
        } catch (error) {
          if (!process.cancel.signal.aborted && !isAbort(error, signal)) this.#failed(error);
        }
        this.#process = undefined;
        if (!process.left.signal.aborted) this.#act({ type: 'exited' });
        resolve();
      });
    });
  }

  /** Another host has the user, or this one cannot start processes: who waits is told why. */
  #failed(error: unknown): void {
    if (error instanceof HubError) this.#waiters.refuse(error);
    else this.#deps.log.error({ error, user: this.user }, 'a user server cannot be started');
  }

  async #run(process: UserProcess, signal: AbortSignal): Promise<void> {
    const { clock, component, random, spawner, starts, suite } = this.#deps;
    const { launch } = this.#options;
    using turn = await starts.enter(signal);
    process.turn = turn;
    await using claim = await this.#deps.claim(this.user, signal);
    signal.throwIfAborted();
    const keys = createComponentKeys(suite, random);
    component.correspondence.meet({ instance: process.instance, keys: publicKeysOf(keys) }, this.user);
    const message = encodeLaunch({ ...launch, instance: process.instance, keys, fence: claim.fence });
    const child = spawner.spawn(message, { heapBytes: launch.limits.memoryBytes * HEAP_SHARE });
    process.child = child;
    process.startedAt = clock.monotonic();
    process.fence = claim.fence;
    const onLost = (): void => child.kill();
    using _ = whenAborted(claim.lost, onLost);
    this.#act({ type: 'launched' });
    await this.#attend(process, child);
  }

  /** Until it ends, or is left to another control server. */
  async #attend(process: UserProcess, child: Child): Promise<void> {
    const { component, log } = this.#deps;
    const how = await Promise.race([child.exited, untilAborted(process.left.signal)]);
    if (how === undefined) return;
    component.peerIsGone(process.instance);
    if (how !== '0' && how !== UNTOLD) log.warn({ user: this.user, how }, 'a user server ended');
    process.cancel.abort(new HubError('absent', 'the user server has ended'));
  }
}

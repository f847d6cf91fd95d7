/**
 * The homes this device knows. The own home is read at each connect; others are asked for through its node when somebody
 * there is looked up, and pinned at first use like the own one.
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/index.ts';
import { type HomeName, type HomeRefusal, refusalOfVerdict, verdictOfRefusal } from '../../protocol/index.ts';
import type { AlarmCode } from '../alarm.ts';
import type { Alarms } from '../alarms.ts';
import { type NodeConnection, refusalOf } from '../connection/index.ts';
import { CONTACT_FRESH_MS, HOME_SILENT_MS, HOMES_CACHED_MAX } from '../limits.ts';
import { HomePin, type HomePinDeps } from './home-pin.ts';

export interface HomePinsDeps extends HomePinDeps {
  readonly clock: Clock;
  readonly alarms: Pick<Alarms, 'raise' | 'clear' | 'stands'>;
  readonly own: HomePin;
}

export interface AskOptions {
  /** The caller holds up a page of entries that waits for this. */
  readonly urgent?: boolean;
  /** The node's name, for alarms. */
  readonly node?: string | undefined;
}

export type HomeAnswer =
  | { readonly status: 'known'; readonly pin: HomePin }
  | { readonly status: 'alarm'; readonly code: AlarmCode }
  /** It does not answer the own home now, or there is none, or nobody can tell which. */
  | { readonly status: HomeRefusal };

const STANDING: readonly AlarmCode[] = ['home_rolled_back', 'home_forked', 'bad_home_chain'];

export class HomePins {
  readonly #deps: HomePinsDeps;
  readonly #others = new LRUCache<HomeName, HomePin>({ max: HOMES_CACHED_MAX });
  readonly #askedAt = new LRUCache<HomeName, number>({ max: HOMES_CACHED_MAX });
  /** One question at a time for each home: two answers judged against the same past could both be pinned. */
  readonly #underWay = new Map<HomeName, Promise<HomeAnswer>>();
  readonly #silent = new LRUCache<HomeName, { readonly since: number; readonly status: HomeRefusal }>({
    max: HOMES_CACHED_MAX,
  });

  constructor(deps: HomePinsDeps) {
    this.#deps = deps;
  }

  isOwn(home: HomeName): boolean {
    return home === this.#deps.own.home;
  }

  /** The alarm that forbids to encrypt to anybody of this home. Who contradicts the own home is refused at the connect. */
  alarmOf(home: HomeName): AlarmCode | undefined {
    return this.isOwn(home) ? undefined : this.#deps.alarms.stands(STANDING, home)?.code;
  }

  /** Its chain, as new as a few minutes ago. Throws ConnectionError when the node itself is gone. */
  async ask(connection: NodeConnection, home: HomeName, options: AskOptions): Promise<HomeAnswer> {
    if (this.isOwn(home)) return { status: 'known', pin: this.#deps.own };
    const pin = await this.#pinOf(home);
    if (pin.document !== undefined && this.#isWithin(this.#askedAt.get(home), CONTACT_FRESH_MS))
      return this.#judge(pin);
    // A page of entries does not wait again and again for a home that has just been found silent.
    if (options.urgent === true && this.isSilent(home))
      return { status: this.#silent.get(home)?.status ?? 'uncertain_home' };
    let asking = this.#underWay.get(home);
    if (asking === undefined) {
      asking = this.#refresh(connection, pin, options).finally(() => this.#underWay.delete(home));
      this.#underWay.set(home, asking);
    }
    return asking;
  }

  /** Whether it did not answer a moment ago. */
  isSilent(home: HomeName): boolean {
    return this.#isWithin(this.#silent.get(home)?.since, HOME_SILENT_MS);
  }

  /**
   * A question that the own home passes on: that the other one does not answer is an answer. So is that a node of the own home
   * cannot tell now, because it has not heard of an account of ours yet.
   */
  async askQuietly<Answer>(
    home: HomeName,
    ask: () => Promise<Answer>,
  ): Promise<{ readonly status: 'answered'; readonly answer: Answer } | { readonly status: HomeRefusal }> {
    try {
      const answer = await ask();
      this.#silent.delete(home);
      return { status: 'answered', answer };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined || (this.isOwn(home) && refusal !== 'home_unreachable')) throw error;
      const status = refusalOfVerdict(verdictOfRefusal(refusal));
      this.#silent.set(home, { since: this.#deps.clock.monotonic(), status });
      return { status };
    }
  }

  /** As it is known here. Asks nobody. */
  async find(home: HomeName): Promise<HomePin> {
    return this.isOwn(home) ? this.#deps.own : this.#pinOf(home);
  }

  async #refresh(connection: NodeConnection, pin: HomePin, options: AskOptions): Promise<HomeAnswer> {
    const asked = await this.askQuietly(pin.home, () => pin.refresh(connection, options.node, options));
    if (asked.status !== 'answered') return asked;
    if (asked.answer.status === 'known') this.#askedAt.set(pin.home, this.#deps.clock.monotonic());
    return this.#judge(pin);
  }

  async #pinOf(home: HomeName): Promise<HomePin> {
    const cached = this.#others.get(home);
    if (cached !== undefined) return cached;
    const pin = await HomePin.openOther(this.#deps, home);
    // Two who open at once must share one, or the second would not see what the first has pinned.
    const other = this.#others.get(home);
    if (other !== undefined) return other;
    this.#others.set(home, pin);
    return pin;
  }

  #judge(pin: HomePin): HomeAnswer {
    const code = this.alarmOf(pin.home);
    return code === undefined ? { status: 'known', pin } : { status: 'alarm', code };
  }

  #isWithin(at: number | undefined, ms: number): boolean {
    return at !== undefined && this.#deps.clock.monotonic() - at < ms;
  }
}

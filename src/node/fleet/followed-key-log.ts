/**
 * The log of the home's keys at a node that does not write it: a mirror, judged page by page as anybody judges it. What is
 * asked of it is answered as new as the registrar was heard last.
 */
import type { CryptoSuite } from '../../base/index.ts';
import { followKeyLog, KeyLogMirror, type RootVerdict } from '../../key-log/index.ts';
import type { HomeName, KeyLogPage, SignedRoot } from '../../protocol/index.ts';
import type { Store } from '../../store/index.ts';
import type { HomeKeyLog } from '../key-log.ts';
import { keyLogMirrorPrefix } from '../view-keys.ts';
import { FleetError } from './fleet-error.ts';

export class FollowedKeyLog implements HomeKeyLog {
  readonly #mirror: KeyLogMirror;
  /** One asks at a time: a page belongs to the length that it was asked for. */
  #following: Promise<void> = Promise.resolve();

  private constructor(mirror: KeyLogMirror) {
    this.#mirror = mirror;
  }

  static async open(
    deps: { readonly suite: CryptoSuite; readonly store: Store },
    options: { readonly home: HomeName; readonly publicKey: Uint8Array },
  ): Promise<FollowedKeyLog> {
    const prefix = keyLogMirrorPrefix(options.publicKey);
    return new FollowedKeyLog(await KeyLogMirror.open(deps, { ...options, prefix }));
  }

  get publicKey(): Uint8Array {
    return this.#mirror.publicKey;
  }

  get length(): number {
    return this.#mirror.length;
  }

  /** Its writer names what is accepted; here nothing of it is accepted. */
  append(): void {}

  page(after: number): Promise<KeyLogPage> {
    return this.#mirror.readPage(after);
  }

  async root(): Promise<SignedRoot | undefined> {
    return (await this.#mirror.readPage(this.#mirror.length)).root;
  }

  judge(root: SignedRoot): Promise<RootVerdict> {
    return this.#mirror.hear(root);
  }

  /** Everything that its writer has by now. Throws FleetError for a log that does not hold, and what `ask` throws. */
  follow(ask: (after: number) => Promise<KeyLogPage>): Promise<void> {
    const followed = this.#following.then(() => this.#follow(ask));
    this.#following = followed.catch(() => undefined); // thrown to who asked for it
    return followed;
  }

  async #follow(ask: (after: number) => Promise<KeyLogPage>): Promise<void> {
    const { end } = await followKeyLog(this.#mirror, ask);
    if (end.status !== 'same')
      throw new FleetError('refused', `the log of the home's keys does not hold: ${end.status}`);
  }
}

/** A PostgreSQL with a standby that streams from it, of which tests make the primary when that is lost. */
import { Postgres } from './postgres.ts';

/** Two servers at two places; which of them is the primary changes. */
export class PostgresPair implements AsyncDisposable {
  primary: Postgres;
  standby: Postgres;
  /** Of both. */
  readonly url: string;

  private constructor(primary: Postgres, standby: Postgres) {
    this.primary = primary;
    this.standby = standby;
    this.url = Postgres.urlOf([primary, standby]);
  }

  static async open({ isSynchronous }: { readonly isSynchronous: boolean }): Promise<PostgresPair> {
    const primary = await Postgres.open();
    const pair = new PostgresPair(primary, await Postgres.standbyOf(primary));
    if (isSynchronous) await primary.waitForStandby();
    return pair;
  }

  /** The primary is gone, with its disk; the standby is the primary. */
  async failOver(): Promise<Postgres> {
    const lost = this.primary;
    await lost.kill();
    await this.standby.promote();
    this.primary = this.standby;
    await lost[Symbol.asyncDispose]();
    return lost;
  }

  /** A new standby at the place of the server that was lost. */
  async mend(lost: Postgres): Promise<void> {
    this.standby = await Postgres.standbyOf(this.primary, lost.port);
    await this.primary.waitForStandby();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.primary[Symbol.asyncDispose]();
    await this.standby[Symbol.asyncDispose]();
  }
}

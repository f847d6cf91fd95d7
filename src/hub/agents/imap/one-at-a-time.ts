/**
 * Work that goes on beside its caller: each piece begins when the one before has ended, so that no more than one is under way and
 * none is overtaken. What a piece throws is thrown to whoever begins the next, or waits for the end.
 */
export class OneAtATime {
  #underWay: Promise<void> | undefined;

  /** Resolves when the piece before has ended and this one has begun. */
  async begin(work: () => Promise<void>): Promise<void> {
    await this.ended();
    const underWay = work();
    // Whoever begins the next hears of a failure; until then it is nobody's.
    underWay.catch(() => undefined);
    this.#underWay = underWay;
  }

  /** Resolves when nothing is under way. */
  async ended(): Promise<void> {
    const underWay = this.#underWay;
    this.#underWay = undefined;
    await underWay;
  }
}

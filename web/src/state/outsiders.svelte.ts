/**
 * Whom a letter of an encrypted account reaches outside of all homes. Their mail leaves as ordinary mail, in the clear unless their
 * domain publishes a key: whoever writes to them is told before it is sent.
 */
import { SvelteSet } from 'svelte/reactivity';
import type { PersonDoor } from '../jmap/person.ts';
import { Refusal } from '../jmap/refusal.ts';

/** Certainly no home. Mail to one that is away, or of which nobody can tell now, waits and is never in the clear. */
const OUTSIDE = 'unknown_home';

export class Outsiders {
  /** The largest ordinary mail that the home sends, once there is somebody outside; undefined: nobody can tell. */
  bytesMax = $state<number>();
  readonly #door: PersonDoor;
  readonly #outside = new SvelteSet<string>();
  readonly #asked = new Set<string>();

  constructor(door: PersonDoor) {
    this.#door = door;
  }

  /** Of these, those who are known to be outside. */
  among(addresses: readonly string[]): readonly string[] {
    return addresses.filter((address) => this.#outside.has(address.toLowerCase()));
  }

  /** Asks once of each; whom nobody can tell anything of now is asked of again. */
  want(addresses: readonly string[]): void {
    for (const address of addresses.map((each) => each.toLowerCase())) {
      if (this.#asked.has(address)) continue;
      this.#asked.add(address);
      this.#door.key(address).catch((error: unknown) => {
        if (error instanceof Refusal && error.code === OUTSIDE) {
          this.#outside.add(address);
          if (this.bytesMax === undefined) void this.#learnSize();
          return;
        }
        this.#asked.delete(address); // asked again with the next change of whom the letter is for
        if (!(error instanceof Refusal)) console.warn(error);
      });
    }
  }

  /** Without it whoever writes hears of it from the home, later. */
  async #learnSize(): Promise<void> {
    try {
      this.bytesMax = (await this.#door.status()).ordinaryBytesMax;
    } catch (error) {
      console.warn(error);
    }
  }
}

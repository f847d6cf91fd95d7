/**
 * What a search for a home has shown, and what follows from it when no document was found. A home that is away names itself by
 * DNS (SRV), or was seen before; a domain that DNS names no home at, and where nobody answers or an answer says "nothing
 * here", is none. Where DNS cannot be asked, or a web server falters that a home may stand behind, nobody can tell now.
 */
import type { HomeVerdict } from '../../protocol/index.ts';
import { FederationError } from '../federation-error.ts';

/** What a place that has no document for us said. */
export type PlaceAnswer =
  /** Something that is no home document: there is none. */
  | 'other'
  /** That it cannot answer now: a home may stand behind it. */
  | 'faltering'
  /** A home document, which is of no use. */
  | 'document';

export class HomeEvidence {
  readonly #hasServices: boolean;
  #isHome: boolean;
  #services: 'unknown' | 'none' = 'unknown';
  #isFaltering = false;
  #isAnswered = false;

  /** `hasServices`: DNS can name its places; a name with a port is its own place. `isKnown`: its chain was seen before. */
  constructor({ hasServices, isKnown }: { readonly hasServices: boolean; readonly isKnown: boolean }) {
    this.#hasServices = hasServices;
    this.#isHome = isKnown;
  }

  /** DNS has answered. */
  services(count: number): void {
    if (count > 0) this.#isHome = true;
    else this.#services = 'none';
  }

  /** A place was asked in vain; undefined: it is silent. */
  place(answer: PlaceAnswer | undefined): void {
    if (answer === 'document') this.#isHome = true;
    if (answer === 'faltering') this.#isFaltering = true;
    if (answer === 'other') this.#isAnswered = true;
  }

  get verdict(): HomeVerdict {
    if (this.#isHome) return 'home';
    if (this.#isFaltering) return 'not_known_now';
    const isDenied = this.#hasServices ? this.#services === 'none' : this.#isAnswered;
    return isDenied ? 'not_a_home' : 'not_known_now';
  }
}

/** The error with which a search ends, and what it says of the domain. */
export function withVerdict(error: FederationError, verdict: HomeVerdict): FederationError {
  const { cause, code, details, fix, message, retry } = error;
  return new FederationError(code, message, {
    cause,
    retry,
    details: { ...details, verdict },
    ...(fix === undefined ? {} : { fix }),
  });
}

/** Whether there is a home, by what became of a question to it. */
export function homeVerdictOf({ code, details }: FederationError): HomeVerdict {
  const { heardFrom, verdict } = details;
  if (verdict === 'home' || verdict === 'not_a_home' || verdict === 'not_known_now') return verdict;
  // Only a home says that it does not know us, or that it is busy; and only one that was seen before contradicts itself.
  const isHome = heardFrom !== undefined || code === 'home_forked' || code === 'home_rolled_back';
  return isHome ? 'home' : 'not_known_now';
}

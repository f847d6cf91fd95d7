/**
 * Whether a domain is a home, as far as anybody can tell now. What is certainly none may be written to as ordinary mail, in the
 * clear where it must be; a home that is away, and what nobody can tell of, never is: its mail waits.
 */
export type HomeVerdict = 'home' | 'not_a_home' | 'not_known_now';

/** As a node's refusal says it to a client that asked after somebody there. */
const REFUSALS = {
  home: 'home_unreachable',
  not_a_home: 'unknown_home',
  not_known_now: 'uncertain_home',
} as const satisfies Readonly<Record<HomeVerdict, string>>;

export type HomeRefusal = (typeof REFUSALS)[HomeVerdict];

export function refusalOfVerdict(verdict: HomeVerdict): HomeRefusal {
  return REFUSALS[verdict];
}

/** Any other refusal tells nothing of the domain. */
export function verdictOfRefusal(refusal: string): HomeVerdict {
  if (refusal === REFUSALS.home) return 'home';
  return refusal === REFUSALS.not_a_home ? 'not_a_home' : 'not_known_now';
}

/**
 * The MTA-STS policy of the home itself (RFC 8461): who brings mail finds by it which machines take it, and that their
 * certificates have those names, so that nobody between can have it brought in the clear. Pure.
 */
import { createHash } from 'node:crypto';
import { OWN_POLICY_MAX_AGE_SECONDS } from './limits.ts';

export type StsMode = keyof typeof OWN_POLICY_MAX_AGE_SECONDS;

const ID_CHARACTERS = 20;

/** What is answered at `https://mta-sts.HOME/.well-known/mta-sts.txt`. `mx`: names of machines with a door. */
export function ownPolicyText(mode: StsMode, mx: readonly string[]): string {
  const lines = ['version: STSv1', `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`)];
  return [...lines, `max_age: ${OWN_POLICY_MAX_AGE_SECONDS[mode]}`, ''].join('\r\n');
}

/** What DNS says of a policy: another one has another id, and is fetched. */
export function ownPolicyId(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, ID_CHARACTERS);
}

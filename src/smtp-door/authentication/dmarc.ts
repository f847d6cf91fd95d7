/**
 * DMARC (RFC 7489): whether a domain that may speak for the From field vouches for the message, and what that domain asks for
 * when none does. Read is the From field that the person's programs show, by the parser that they have.
 */
import type { DNSResolver } from 'mailauth';
import { dmarc } from 'mailauth/lib/dmarc/index.js';
import { addressParser } from 'postal-mime';
import { fieldText, type HeaderField } from '../header-fields.ts';
import { FROM_DOMAINS_MAX } from '../limits.ts';
import type { SignatureVerdict } from './signatures.ts';
import type { SpfVerdict } from './spf.ts';

/** What the domain asks for of this message. */
export type DmarcPolicy = 'none' | 'quarantine' | 'reject';

export interface DmarcVerdict {
  readonly result: 'none' | 'pass' | 'fail' | 'temperror' | 'permerror';
  readonly policy: DmarcPolicy;
  /** Of the From field. */
  readonly domain: string;
}

export interface Evidence {
  readonly spf: SpfVerdict;
  readonly signatures: SignatureVerdict;
  /** Nobody knows which network the message came from: a relay on this machine brought it. */
  readonly isRelayed: boolean;
}

/** `permerror`: there is more than one From field, or it names too many; a message has one, and should name one author. */
export async function judgeDmarc(
  fields: readonly HeaderField[],
  evidence: Evidence,
  resolver: DNSResolver,
): Promise<DmarcVerdict> {
  const authors = fields.filter(({ name }) => name === 'from');
  const domains = domainsOf(authors);
  if (authors.length <= 1 && domains.length <= FROM_DOMAINS_MAX) return judgeDomains(domains, evidence, resolver);
  return { result: 'permerror', policy: 'none', domain: domains[0] ?? '' };
}

function domainsOf(authors: readonly HeaderField[]): readonly string[] {
  const addresses = authors
    .flatMap((field) => addressParser(fieldText(field), { flatten: true }))
    .map(({ address = '' }) => address.slice(address.lastIndexOf('@') + 1).toLowerCase());
  // A name without a dot, or an address literal, belongs to nobody who could have a policy.
  return [...new Set(addresses)].filter((domain) => /^[^.[\]\s]+(\.[^.[\]\s]+)+$/.test(domain));
}

/** Of several domains the one whose answer is worst for the message decides (RFC 7489, 6.6.1). */
async function judgeDomains(
  domains: readonly string[],
  evidence: Evidence,
  resolver: DNSResolver,
): Promise<DmarcVerdict> {
  let worst: DmarcVerdict | undefined;
  for (const domain of domains) {
    const verdict = await judgeDomain(domain, evidence, resolver);
    if (worst === undefined || weightOf(verdict) > weightOf(worst)) worst = verdict;
  }
  return worst ?? { result: 'none', policy: 'none', domain: '' };
}

async function judgeDomain(
  domain: string,
  { isRelayed, signatures, spf }: Evidence,
  resolver: DNSResolver,
): Promise<DmarcVerdict> {
  const passed = signatures.dkim.filter(({ result }) => result === 'pass');
  // Nothing could pass, and that would say nothing: the policy need not be asked for.
  if (isRelayed && passed.length === 0) return { result: 'none', policy: 'none', domain };
  const found = await dmarc({
    headerFrom: `x@${domain}`,
    spfDomains: spf.result === 'pass' ? [spf.domain] : [],
    dkimDomains: passed.map((signature) => ({ domain: signature.domain })),
    resolver,
  });
  if (found === false) return { result: 'none', policy: 'none', domain };
  const policy = policyOf(found);
  switch (found.status.result) {
    case 'pass':
      return { result: 'pass', policy, domain };
    case 'fail':
      if (isRelayed) return { result: 'none', policy: 'none', domain };
      return { result: isUndecided(signatures, spf) ? 'temperror' : 'fail', policy, domain };
    case 'temperror':
      return { result: 'temperror', policy: 'none', domain };
    default:
      return { result: 'none', policy: 'none', domain };
  }
}

/** What would have passed may have failed only because DNS did not answer. */
function isUndecided({ dkim }: SignatureVerdict, spf: SpfVerdict): boolean {
  return spf.result === 'temperror' || dkim.some(({ result }) => result === 'temperror');
}

type Found = Exclude<Awaited<ReturnType<typeof dmarc>>, false>;

/** A domain that only tries its policy out (`pct` below 100, `t=y` of its successor) gets the next weaker one. */
function policyOf({ pct = 100, policy, rr = '' }: Found): DmarcPolicy {
  const isTried = pct < 100 || /;\s*t\s*=\s*y\b/i.test(rr);
  switch (policy?.trim().toLowerCase()) {
    case 'reject':
      return isTried ? 'quarantine' : 'reject';
    case 'quarantine':
      return isTried ? 'none' : 'quarantine';
    default:
      return 'none';
  }
}

function weightOf({ policy, result }: DmarcVerdict): number {
  const byPolicy = { none: 0, quarantine: 1, reject: 2 }[policy];
  return { pass: 0, none: 1, permerror: 2, temperror: 3 + byPolicy, fail: 3 + byPolicy }[result];
}

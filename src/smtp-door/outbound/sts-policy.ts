/** A policy of MTA-STS (RFC 8461) as a domain publishes it: pure. */
import { STS_MAX_AGE_SECONDS, STS_PATTERNS_MAX } from './limits.ts';

export interface StsPolicy {
  readonly mode: 'enforce' | 'testing' | 'none';
  /** `mail.example` or `*.example`, lower case. */
  readonly mx: readonly string[];
  readonly maxAgeSeconds: number;
}

const PATTERN = /^(\*\.)?[a-z0-9_]([a-z0-9_-]*[a-z0-9])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9])?)*$/;

/** Undefined: it is none, and the domain is as one without. */
export function parseStsPolicy(text: string): StsPolicy | undefined {
  const values = new Map<string, string[]>();
  for (const line of text.split(/\r?\n/)) {
    const [, key = '', value = ''] = /^([A-Za-z0-9_.-]{1,32})[ \t]*:[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (key !== '') values.set(key, [...(values.get(key) ?? []), value]);
  }
  // Of fields that may stand once the first counts (RFC 8461, 3.2).
  const mode = values.get('mode')?.[0];
  const maxAge = values.get('max_age')?.[0] ?? '';
  if (values.get('version')?.[0] !== 'STSv1' || !/^\d{1,10}$/.test(maxAge)) return undefined;
  if (mode !== 'enforce' && mode !== 'testing' && mode !== 'none') return undefined;
  const mx = (values.get('mx') ?? []).map((pattern) => pattern.toLowerCase().replace(/\.$/, ''));
  if (mx.length > STS_PATTERNS_MAX || !mx.every((pattern) => PATTERN.test(pattern))) return undefined;
  if (mode !== 'none' && mx.length === 0) return undefined;
  return { mode, mx, maxAgeSeconds: Math.min(STS_MAX_AGE_SECONDS, Number(maxAge)) };
}

/** Of the TXT records of `_mta-sts.domain`, which version the policy has; undefined: there is none, or more than one says so. */
export function stsIdOf(records: readonly string[]): string | undefined {
  const ours = records.filter((record) => /^v=STSv1[ \t]*(;|$)/.test(record));
  const [record = ''] = ours;
  const id = /(?:^|;)[ \t]*id[ \t]*=[ \t]*([A-Za-z0-9]{1,32})[ \t]*(?:;|$)/.exec(record)?.[1];
  return ours.length === 1 ? id : undefined;
}

/** RFC 8461, 4.1: the star is one label, and the leftmost. */
export function matchesPolicy({ mx }: StsPolicy, host: string): boolean {
  return mx.some((pattern) =>
    pattern.startsWith('*.') ? host.slice(host.indexOf('.') + 1) === pattern.slice(2) : host === pattern,
  );
}

/**
 * DNS for the judging of one message, in the form that the library asks in. What a message says decides what is asked, so there
 * is a bound of questions and a deadline for all of them together. What cannot be answered is a failure that passes.
 */
import type { DNSResolver } from 'mailauth';
import type { Clock } from '../../base/index.ts';
import { withDeadline } from '../../base/index.ts';
import type { DnsResolver, DnsType } from '../../base/system/index.ts';
import { AUTHENTICATION_MS, DNS_LOOKUPS_MAX } from '../limits.ts';

export interface MessageDnsDeps {
  readonly clock: Clock;
  readonly dns: DnsResolver;
}

/** As Node's resolver throws it, which the library knows. */
class DnsError extends Error {
  readonly code: 'ENODATA' | 'ETIMEOUT';

  constructor(code: DnsError['code'], text: string) {
    super(text);
    this.code = code;
  }
}

/** Names that can be asked for; what a macro or a signature makes of a stranger's text often cannot. */
const NAME = /^(?=.{1,253}$)[\x21-\x2d\x2f-\x7e]{1,63}(\.[\x21-\x2d\x2f-\x7e]{1,63})+$/;
const TYPES: ReadonlySet<string> = new Set<DnsType>(['A', 'AAAA', 'MX', 'PTR', 'TXT']);

/** Runs `judge` with DNS that answers, or fails, within the deadline; it is not cut short itself. */
export function withMessageDns<Result>(
  { clock, dns }: MessageDnsDeps,
  judge: (resolver: DNSResolver) => Promise<Result>,
): Promise<Result> {
  let asked = 0;
  const late = (): Error => new DnsError('ETIMEOUT', 'judging took too long');
  const never = new AbortController().signal;
  return withDeadline(clock, AUTHENTICATION_MS, never, late, (signal) =>
    judge(async (written, type) => {
      const name = written.replace(/\.$/, '');
      if (!TYPES.has(type) || !NAME.test(name)) throw new DnsError('ENODATA', 'nobody has such a name');
      if (++asked > DNS_LOOKUPS_MAX) throw new DnsError('ETIMEOUT', 'too many questions');
      const records = await dns.records(name, type as DnsType, signal).catch(() => {
        throw new DnsError('ETIMEOUT', 'no server answers');
      });
      if (records.length === 0) throw new DnsError('ENODATA', 'no such record');
      // The library's types know texts only, and it sorts what it is given.
      return (type === 'TXT' ? records.map((text) => [text]) : [...records]) as string[][];
    }),
  );
}

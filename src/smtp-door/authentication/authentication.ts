/**
 * What can be known of who sent a message from outside: SPF, DKIM, ARC and DMARC together, and the field that says so
 * (RFC 8601). Judging never loses a message: what cannot be judged now is a finding too.
 */
import type { Clock, Log } from '../../base/index.ts';
import type { DnsResolver } from '../../base/system/index.ts';
import type { SplitMessage } from '../header-fields.ts';
import { type DmarcVerdict, judgeDmarc } from './dmarc.ts';
import { withMessageDns } from './message-dns.ts';
import { judgeSignatures, type SignatureVerdict } from './signatures.ts';
import { type Envelope, judgeSpf, type SpfVerdict } from './spf.ts';

export interface AuthenticationDeps {
  readonly clock: Clock;
  readonly log: Log;
  readonly dns: DnsResolver;
}

export interface Verdict {
  readonly spf: SpfVerdict;
  readonly signatures: SignatureVerdict;
  readonly dmarc: DmarcVerdict;
}

export class Authentication {
  readonly #deps: AuthenticationDeps;
  /** The mail domain. */
  readonly #receiver: string;

  constructor(deps: AuthenticationDeps, receiver: string) {
    this.#deps = deps;
    this.#receiver = receiver;
  }

  /** Of the envelope alone, before the message comes. */
  spf(envelope: Envelope): Promise<SpfVerdict> {
    return withMessageDns(this.#deps, (resolver) => judgeSpf(envelope, this.#receiver, resolver));
  }

  judge(message: SplitMessage, envelope: Envelope, spf: SpfVerdict): Promise<Verdict> {
    const { clock, log } = this.#deps;
    return withMessageDns(this.#deps, async (resolver) => {
      const signatures = await judgeSignatures({ log, resolver, now: clock.now() }, message);
      const evidence = { spf, signatures, isRelayed: envelope.remote === undefined };
      return { spf, signatures, dmarc: await judgeDmarc(message.fields, evidence, resolver) };
    });
  }
}

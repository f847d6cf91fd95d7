/**
 * What becomes of a message that has come whole: whether it is refused for what others say of it, and else with which findings
 * it is delivered. Only here are octets of a message left out: fields that claim to be this home's own findings.
 */
import { Authentication, type AuthenticationDeps, type Verdict } from './authentication/authentication.ts';
import { encodeResults, isForged } from './authentication/authentication-results.ts';
import type { Envelope, SpfVerdict } from './authentication/spf.ts';
import { joinMessage, splitMessage } from './header-fields.ts';
import { REFUSALS, type Refusal } from './reply.ts';

/** `obey`: mail whose domain asks for it is refused. `mark`: it is only said. */
export type DmarcMode = 'obey' | 'mark';

export interface JudgingOptions {
  /** The mail domain. */
  readonly domain: string;
  readonly dmarc: DmarcMode;
}

export type Judgement =
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | {
      readonly kind: 'taken';
      readonly message: Uint8Array;
      /** Fields that go above it, without the last line end. */
      readonly findings: readonly string[];
    };

export class Judging {
  readonly #authentication: Authentication;
  readonly #options: JudgingOptions;

  constructor(deps: AuthenticationDeps, options: JudgingOptions) {
    this.#authentication = new Authentication(deps, options.domain);
    this.#options = options;
  }

  spf(envelope: Envelope): Promise<SpfVerdict> {
    return this.#authentication.spf(envelope);
  }

  async judge(octets: Uint8Array, envelope: Envelope): Promise<Judgement> {
    const { domain } = this.#options;
    const message = splitMessage(octets);
    const spf = await this.spf(envelope);
    const verdict = await this.#authentication.judge(message, envelope, spf);
    const refusal = envelope.remote === undefined ? undefined : this.#refusalOf(verdict);
    if (refusal !== undefined) return { kind: 'refused', refusal };
    const honest = message.fields.filter((field) => !isForged(field, domain));
    return {
      kind: 'taken',
      message: honest.length === message.fields.length ? octets : joinMessage({ ...message, fields: honest }),
      findings: [encodeResults(domain, verdict)],
    };
  }

  /** RFC 7489, 6.6.2: what cannot be judged now is asked for again, if a refusal is at stake. */
  #refusalOf({ dmarc: { policy, result } }: Verdict): Refusal | undefined {
    if (this.#options.dmarc === 'mark') return undefined;
    if (result === 'permerror') return REFUSALS.manyAuthors;
    if (policy !== 'reject') return undefined;
    if (result === 'temperror') return REFUSALS.undecided;
    return result === 'fail' ? REFUSALS.unauthenticated : undefined;
  }
}

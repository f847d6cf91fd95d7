/**
 * What becomes of a message that has come whole: whether it is refused for what others say of it, and else with which findings
 * it is delivered. Only here are octets of a message left out: fields that claim to be this home's own findings.
 */
import { concatBytes, withDeadline } from '../base/index.ts';
import { JUNK_FIELD } from '../protocol/index.ts';
import { Authentication, type AuthenticationDeps, type Verdict } from './authentication/authentication.ts';
import { encodeResults, isForged } from './authentication/authentication-results.ts';
import type { Envelope, SpfVerdict } from './authentication/spf.ts';
import { type HeaderField, joinMessage, splitMessage } from './header-fields.ts';
import { encodeJunk, type JunkFilter, type JunkFinding } from './junk-filter.ts';
import { FILTER_BYTES_MAX, FILTER_MS } from './limits.ts';
import { REFUSALS, type Refusal } from './reply.ts';

/** `obey`: mail whose domain asks for it is refused. `mark`: it is only said. */
export type DmarcMode = 'obey' | 'mark';

export interface JudgingDeps extends AuthenticationDeps {
  readonly filter: JunkFilter | undefined;
  /** It said nothing, or not in time. */
  readonly onFilterFailed: () => void;
}

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
      readonly isJunk: boolean;
      /** Fields that go above it, without the last line end. */
      readonly findings: readonly string[];
    };

export class Judging {
  readonly #deps: JudgingDeps;
  readonly #authentication: Authentication;
  readonly #options: JudgingOptions;

  constructor(deps: JudgingDeps, options: JudgingOptions) {
    this.#deps = deps;
    this.#authentication = new Authentication(deps, options.domain);
    this.#options = options;
  }

  spf(envelope: Envelope): Promise<SpfVerdict> {
    return this.#authentication.spf(envelope);
  }

  /** `traceWith` makes what goes above the message, for the filter, of findings. */
  async judge(
    octets: Uint8Array,
    envelope: Envelope,
    { spf, traceWith }: { readonly spf: SpfVerdict; readonly traceWith: (findings: readonly string[]) => Uint8Array },
  ): Promise<Judgement> {
    const { domain } = this.#options;
    const message = splitMessage(octets);
    const verdict = await this.#authentication.judge(message, envelope, spf);
    const refusal = envelope.remote === undefined ? undefined : this.#refusalOf(verdict);
    if (refusal !== undefined) return { kind: 'refused', refusal };
    const honest = message.fields.filter((field) => !isOurs(field, domain));
    const kept = honest.length === message.fields.length ? octets : joinMessage({ ...message, fields: honest });
    const results = encodeResults(domain, verdict);
    const finding = await this.#filter(traceWith([results]), kept);
    const isDisowned = verdict.dmarc.result === 'fail' && verdict.dmarc.policy !== 'none';
    const junk = encodeJunk(this.#deps.filter?.name, finding, isDisowned);
    return {
      kind: 'taken',
      message: kept,
      isJunk: isDisowned || finding?.isJunk === true,
      findings: [results, ...(junk === undefined ? [] : [junk])],
    };
  }

  /** Mail does not wait for a filter that is away. */
  async #filter(trace: Uint8Array, message: Uint8Array): Promise<JunkFinding | undefined> {
    const { clock, filter, log } = this.#deps;
    if (filter === undefined || message.length > FILTER_BYTES_MAX) return undefined;
    const never = new AbortController().signal;
    const late = (): Error => new Error('the junk filter took too long');
    try {
      return await withDeadline(clock, FILTER_MS, never, late, (signal) =>
        filter.judge(concatBytes(trace, message), signal),
      );
    } catch (error) {
      this.#deps.onFilterFailed();
      log.warn({ error }, 'the junk filter says nothing: mail is taken without its finding');
      return undefined;
    }
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

/** Whether the field says what only this home says. */
function isOurs(field: HeaderField, domain: string): boolean {
  return field.name === JUNK_FIELD.toLowerCase() || isForged(field, domain);
}

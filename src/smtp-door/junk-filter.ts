/** What a program beside this one makes of a message: the port, and how the finding is written above the message. */
import { JUNK_FIELD } from '../protocol/index.ts';

export interface JunkFinding {
  readonly isJunk: boolean;
  readonly score: number;
  readonly threshold: number;
}

export interface JunkFilter {
  /** As it is written above the message: letters and digits. */
  readonly name: string;
  /** Throws when the filter does not answer, or not sensibly; rejects with the signal's reason. */
  judge(message: Uint8Array, signal: AbortSignal): Promise<JunkFinding>;
}

/** `disowned`: its domain asks for suspicion (DMARC quarantine). Undefined: nobody says anything of it. */
export function encodeJunk(
  filter: string | undefined,
  finding: JunkFinding | undefined,
  isDisowned: boolean,
): string | undefined {
  if (finding === undefined && !isDisowned) return undefined;
  const verdict = isDisowned || finding?.isJunk === true ? 'yes' : 'no';
  const reasons = [
    ...(finding === undefined || filter === undefined
      ? []
      : [`${filter} score=${finding.score} threshold=${finding.threshold}`]),
    ...(isDisowned ? ['dmarc'] : []),
  ];
  return `${JUNK_FIELD}: ${[verdict, ...reasons].join('; ')}`;
}

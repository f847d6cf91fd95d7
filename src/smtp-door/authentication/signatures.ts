/**
 * DKIM (RFC 6376) and ARC (RFC 8617): which domains vouch for the message. The library judges; what it is given and what of its
 * findings counts is decided here: signatures that cover not all of the text, or not who it is from, prove too little, and SHA-1
 * proves nothing (RFC 8301).
 */
import type { DNSResolver } from 'mailauth';
import { arc } from 'mailauth/lib/arc/index.js';
import { dkimVerify } from 'mailauth/lib/dkim/verify.js';
import { z } from 'zod';
import type { Log } from '../../base/index.ts';
import { type HeaderField, joinMessage, type SplitMessage, textOf } from '../header-fields.ts';
import { ARC_FIELDS_MAX, DKIM_SIGNATURES_MAX } from '../limits.ts';

export interface DkimVerdict {
  readonly result: Found['status']['result'];
  readonly domain: string;
  readonly selector: string;
  readonly algorithm: string;
  /** The first digits of the signature, which tell one from another. */
  readonly digits: string;
}

export interface SignatureVerdict {
  readonly dkim: readonly DkimVerdict[];
  readonly arc: 'none' | 'pass' | 'fail';
}

export interface SignatureDeps {
  readonly log: Log;
  readonly resolver: DNSResolver;
  /** Milliseconds since 1970. */
  readonly now: number;
}

type Checked = Awaited<ReturnType<typeof dkimVerify>>;

/** A signature as the library finds it, which its types do not tell. */
const foundSchema = z.object({
  algo: z.string().optional(),
  bodyHashExpecting: z.string().optional(),
  selector: z.string().optional(),
  signature: z.string().optional(),
  signingDomain: z.string().optional(),
  signingHeaders: z.object({ keys: z.string() }).optional(),
  status: z.object({
    result: z.enum(['none', 'pass', 'fail', 'policy', 'neutral', 'temperror', 'permerror']),
    underSized: z.number().optional(),
  }),
});

type Found = z.infer<typeof foundSchema>;

/** A message that the library stumbles over has no signature that counts; it is not lost for that. */
export async function judgeSignatures(
  { log, now, resolver }: SignatureDeps,
  message: SplitMessage,
): Promise<SignatureVerdict> {
  try {
    const octets = judged(message);
    const checked = await dkimVerify(Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength), {
      resolver,
      curTime: new Date(now),
    });
    return {
      dkim: foundSchema.array().parse(checked.results).flatMap(dkimVerdictOf),
      arc: await arcVerdictOf(checked, resolver),
    };
  } catch (error) {
    log.warn({ error }, 'the signatures of a message from outside cannot be judged');
    return { dkim: [], arc: 'none' };
  }
}

/** What the library is given: no more signatures than are worth the time, and no ARC that could harm it. */
function judged(message: SplitMessage): Uint8Array {
  const { fields } = message;
  const arcFields = fields.filter(({ name }) => name.startsWith('arc-'));
  const isArcRead = arcFields.length <= ARC_FIELDS_MAX && arcFields.every(isHarmless);
  let signatures = 0;
  const kept = fields.filter(({ name }) => {
    if (name === 'dkim-signature') return ++signatures <= DKIM_SIGNATURES_MAX;
    return isArcRead || !name.startsWith('arc-');
  });
  return kept.length === fields.length ? message.octets : joinMessage({ ...message, fields: kept });
}

/**
 * mailauth 4.13.3 makes an object of what ARC-Authentication-Results says, whatever the keys are: `__proto__` there would change
 * every object of this process. Quotes, comments and backslashes hide the word, but not its four underscores.
 */
function isHarmless(field: HeaderField): boolean {
  return field.name !== 'arc-authentication-results' || textOf(field).split('_').length <= 4;
}

function dkimVerdictOf(found: Found): readonly DkimVerdict[] {
  // Without a hash of the body it is the seal of an ARC set, which the library lists among the signatures.
  if (found.signingDomain === undefined || !found.bodyHashExpecting) return [];
  const { algo = '', selector = '', signature = '', signingDomain, signingHeaders, status } = found;
  const signed = (signingHeaders?.keys ?? '').toLowerCase().split(/:\s*/);
  const isWhole = signed.includes('from') && !status.underSized && !/sha1$/i.test(algo);
  const result = status.result === 'pass' && !isWhole ? 'policy' : status.result;
  return [
    {
      result,
      domain: signingDomain.toLowerCase(),
      selector,
      algorithm: algo,
      digits: signature.slice(0, 8),
    },
  ];
}

async function arcVerdictOf(checked: Checked, resolver: DNSResolver): Promise<SignatureVerdict['arc']> {
  if (checked.arc === undefined) return 'none';
  try {
    const { status } = await arc(checked.arc as Parameters<typeof arc>[0], { resolver });
    return status.result === 'pass' || status.result === 'fail' ? status.result : 'none';
  } catch {
    return 'fail'; // it trips over a key that is too short
  }
}

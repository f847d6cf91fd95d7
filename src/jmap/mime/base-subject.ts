/** What is left of a subject without what programs put before and after it (RFC 5256, section 2.1, and list tags). */

import { SUBJECT_CHARACTERS_MAX } from '../limits.ts';

const PREFIX = /^(?:(?:re|fwd?|aw|wg|sv|vs|antw|tr|rif|odp|回复|转发|答复)(?:\[\d+\])?\s*:|\[[^\]]{0,80}\])\s*/i;
const SUFFIX = /\s*\(fwd\)$/i;

export function baseSubject(subject: string): string {
  let text = subject.slice(0, SUBJECT_CHARACTERS_MAX).trim();
  for (let before = ''; before !== text; ) {
    before = text;
    const stripped = text.replace(PREFIX, '');
    text = (stripped === '' ? text : stripped).replace(SUFFIX, '');
    if (stripped === '' && before.length > 0 && /^\[[^\]]*\]$/.test(before)) break; // a tag alone is the subject
  }
  return text;
}

/** SearchSnippet/get (RFC 8621, section 5.1): where in an email the words stand that were looked for. */
import { z } from 'zod';
import { MissingMessage } from '../../blobs/blobs.ts';
import { CORE_LIMITS, SNIPPET_OCTETS_MAX } from '../../limits.ts';
import { readMessage } from '../../mime/message-reading.ts';
import { id, idOrReference, parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { MethodError } from '../../protocol/errors.ts';
import type { EmailFilter } from '../../store/email-filter.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { type SearchTerm, searchTerms } from '../../store/search-index.ts';
import { accountOf, type Call, type Method, resolveId } from '../call.ts';
import { parseFilter } from '../email/filter-arguments.ts';
import { highlight } from './highlight.ts';

const snippetArguments = z.strictObject({
  accountId: id,
  filter: z.unknown().optional(),
  emailIds: z.array(idOrReference),
});

export const searchSnippetGet: Method = {
  name: 'SearchSnippet/get',
  capability: MAIL,
  permission: 'read',
  async run(args, call) {
    const { accountId, filter, emailIds } = parseArguments(snippetArguments, args);
    const account = accountOf(call, accountId);
    const terms = termsOf(parseFilter(filter, call));
    const ids = new Set(emailIds.map((one) => resolveId(call, one) ?? one));
    if (ids.size > CORE_LIMITS.maxObjectsInGet)
      throw new MethodError('requestTooLarge', `at most ${CORE_LIMITS.maxObjectsInGet} emails at once`);
    const list: object[] = [];
    const notFound: string[] = [];
    for (const emailId of ids) {
      const email = account.email(emailId);
      if (email === undefined) {
        notFound.push(emailId);
        continue;
      }
      const subject = highlight(email.envelope.subject ?? '', terms.subject, Number.POSITIVE_INFINITY);
      const text = terms.body.length === 0 ? undefined : await textOf(call, account, email.blobId);
      const preview = text === undefined ? null : highlight(text, terms.body, SNIPPET_OCTETS_MAX);
      list.push({ emailId, subject, preview });
    }
    return [['SearchSnippet/get', { accountId, list, notFound: notFound.length === 0 ? null : notFound }]];
  },
};

/** Without the message, there is no preview. */
async function textOf(call: Call, account: MailAccount, blobId: string): Promise<string | undefined> {
  try {
    const raw = await call.blobs.bytes(account, blobId, call.signal);
    return raw === undefined ? undefined : readMessage(raw).text;
  } catch (error) {
    if (error instanceof MissingMessage) return undefined;
    throw error;
  }
}

/** What is looked for in subjects and bodies; not what must be absent. */
function termsOf(filter: EmailFilter): { subject: SearchTerm[]; body: SearchTerm[] } {
  const subject: SearchTerm[] = [];
  const body: SearchTerm[] = [];
  const visit = (part: EmailFilter): void => {
    if (part.kind === 'AND' || part.kind === 'OR') part.conditions.forEach(visit);
    if (part.kind === 'text' || part.kind === 'subject') subject.push(...searchTerms(part.text));
    if (part.kind === 'text' || part.kind === 'body') body.push(...searchTerms(part.text));
  };
  visit(filter);
  return { subject, body };
}

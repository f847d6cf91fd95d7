/** Email/import (RFC 8621, section 4.8). Emails with the same content may stand beside each other. */
import { z } from 'zod';
import { IMPORTS_READ_AT_ONCE } from '../../limits.ts';
import { unfold } from '../../mime/address-list.ts';
import { parseDateField, parseJmapDate } from '../../mime/dates.ts';
import { readHeaderBlock } from '../../mime/header-block.ts';
import { stripComments } from '../../mime/parameters.ts';
import { id, parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import { isObject } from '../../protocol/request.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { type Call, type Method, resolveId, writableAccountOf } from '../call.ts';
import { failuresOrNull, judgeCount, mapOrNull, StateCondition, setErrorOf } from '../standard/set.ts';
import { createdEmail, prepareEmail } from './create.ts';
import { judgeAdding, judgePresence, parseKeywords, parseMailboxIds } from './email-rules.ts';

const importArguments = z.strictObject({
  accountId: id,
  ifInState: z.string().nullish(),
  emails: z.record(z.string(), z.unknown()),
});

export const emailImport: Method = {
  name: 'Email/import',
  capability: MAIL,
  permission: 'write',
  async run(args, call) {
    const { accountId, ifInState, emails } = parseArguments(importArguments, args);
    const account = writableAccountOf(call, accountId);
    judgeCount(Object.keys(emails).length);
    const condition = new StateCondition(ifInState, () => account.state('Email'));
    const prepared = new Map<string, Prepared>();
    const notCreated = new Map<string, SetError>();
    for await (const [creationId, outcome] of prepareAll(call, account, Object.entries(emails)))
      if (outcome instanceof SetError) notCreated.set(creationId, outcome);
      else prepared.set(creationId, outcome);
    for (const [creationId, { mailboxIds }] of prepared)
      try {
        judgePresence(account, mailboxIds);
      } catch (error) {
        if (!(error instanceof SetError)) throw error;
        prepared.delete(creationId);
        notCreated.set(creationId, error);
      }
    // All in one transaction: each has been judged, so none can fail any more.
    condition.beforeChange();
    account.putEmails([...prepared.values()], 'client');
    const created = new Map([...prepared].map(([creationId, email]) => [creationId, createdEmail(account, email)]));
    for (const [creationId, { id: made }] of created) call.createdIds.set(creationId, made);
    const newState = account.state('Email');
    const result = { created: mapOrNull(created), notCreated: failuresOrNull(notCreated) };
    return [['Email/import', { accountId, oldState: condition.oldState, newState, ...result }]];
  },
};

type Prepared = Awaited<ReturnType<typeof prepareEmail>>;

/** In their order; while one waits for its octets, others are read. */
async function* prepareAll(
  call: Call,
  account: MailAccount,
  emails: readonly (readonly [creationId: string, email: unknown])[],
): AsyncGenerator<readonly [creationId: string, outcome: Prepared | SetError]> {
  const begin = async ([creationId, email]: readonly [string, unknown]) => {
    try {
      return { creationId, outcome: await prepareImport(call, account, email) };
    } catch (error) {
      return { creationId, error };
    }
  };
  const underWay: ReturnType<typeof begin>[] = [];
  for (let next = 0; next < emails.length || underWay.length > 0; ) {
    for (; underWay.length < IMPORTS_READ_AT_ONCE && next < emails.length; next++)
      underWay.push(begin(emails[next] as (typeof emails)[number]));
    const { creationId, error, outcome } = await (underWay.shift() as (typeof underWay)[number]);
    if (outcome !== undefined) yield [creationId, outcome];
    else {
      const failure = setErrorOf(error);
      if (failure === undefined) throw error;
      yield [creationId, failure];
    }
  }
}

async function prepareImport(call: Call, account: MailAccount, email: unknown) {
  if (!isObject(email)) throw invalidProperties([], 'an email to import is an object');
  const known = ['blobId', 'mailboxIds', 'keywords', 'receivedAt'];
  const alien = Object.keys(email).filter((name) => !known.includes(name));
  if (alien.length > 0) throw invalidProperties(alien, `only ${known.join(', ')} can be set`);
  const mailboxIds = parseMailboxIds(account, call, email.mailboxIds);
  const keywords = parseKeywords(email.keywords ?? {});
  const blobId = typeof email.blobId === 'string' ? resolveId(call, email.blobId) : undefined;
  const raw = blobId === undefined ? undefined : await call.blobs.bytes(account, blobId, call.signal);
  if (raw === undefined) throw invalidProperties(['blobId'], 'there is no such blob');
  if (!isMessage(raw)) throw new SetError('invalidEmail', 'the blob is no message: it has no header');
  judgeAdding(account, mailboxIds);
  return prepareEmail(call, account, raw, { mailboxIds, keywords, receivedAt: receivedAtOf(email, raw, call) }, blobId);
}

/** Anything that begins with a header field, however malformed the rest may be. */
export function isMessage(raw: Uint8Array): boolean {
  return readHeaderBlock(raw, 0, raw.length).fields.length > 0;
}

/** What the client says, else the newest Received field, else now. */
function receivedAtOf({ receivedAt }: PlainObject, raw: Uint8Array, call: Call): number {
  if (receivedAt !== undefined && receivedAt !== null) {
    const time = typeof receivedAt === 'string' ? parseJmapDate(receivedAt, true) : undefined;
    if (time === undefined) throw invalidProperties(['receivedAt'], 'receivedAt is a UTCDate');
    return time.at;
  }
  // Every server puts its own before those that stand there.
  const received = readHeaderBlock(raw, 0, raw.length).fields.find(({ name }) => name.toLowerCase() === 'received');
  const date = received === undefined ? undefined : stripComments(unfold(received.value)).split(';').at(-1);
  const time = date === undefined ? undefined : parseDateField(date);
  return time?.at ?? Math.floor(call.clock.now() / 1000) * 1000;
}

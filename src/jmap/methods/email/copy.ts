/** Email/copy (RFC 8621, section 4.7): into another account, with mailboxes and keywords of its own. */
import { z } from 'zod';
import { parseJmapDate } from '../../mime/dates.ts';
import { id, parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { invalidProperties, MethodError, SetError } from '../../protocol/errors.ts';
import { isObject } from '../../protocol/request.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { type Call, type Method, type Response, resolveId, writableAccountOf } from '../call.ts';
import { attempt, failureAfter, failuresOrNull, judgeCount, mapOrNull, StateCondition } from '../standard/set.ts';
import { type CreatedEmail, storeEmail } from './create.ts';
import { judgeAdding, parseKeywords, parseMailboxIds } from './email-rules.ts';
import { setEmailsAfter } from './set.ts';

const copyArguments = z.strictObject({
  fromAccountId: id,
  ifFromInState: z.string().nullish(),
  accountId: id,
  ifInState: z.string().nullish(),
  create: z.record(z.string(), z.unknown()),
  onSuccessDestroyOriginal: z.boolean().nullish(),
  destroyFromIfInState: z.string().nullish(),
});

export const emailCopy: Method = {
  name: 'Email/copy',
  capability: MAIL,
  permission: 'write',
  async run(args, call) {
    const parsed = parseArguments(copyArguments, args);
    const { accountId, fromAccountId } = parsed;
    if (accountId === fromAccountId)
      throw new MethodError('invalidArguments', 'copies go to another account', { arguments: ['fromAccountId'] });
    const account = writableAccountOf(call, accountId);
    const from = call.store.account(fromAccountId);
    if (from === undefined) throw new MethodError('fromAccountNotFound', `no account ${fromAccountId}`);
    judgeCount(Object.keys(parsed.create).length);
    const source = new StateCondition(parsed.ifFromInState, () => from.state('Email'));
    const condition = new StateCondition(parsed.ifInState, () => account.state('Email'));
    const created = new Map<string, CreatedEmail>();
    const notCreated = new Map<string, SetError>();
    const originals: string[] = [];
    try {
      for (const [creationId, email] of Object.entries(parsed.create))
        await attempt(notCreated, creationId, async () => {
          const { original, copy } = await copyEmail(call, { from, source, account, condition }, email);
          call.createdIds.set(creationId, copy.id);
          created.set(creationId, copy);
          originals.push(original);
        });
    } catch (error) {
      throw failureAfter(error, call, created.size);
    }
    const newState = account.state('Email');
    const result = { created: mapOrNull(created), notCreated: failuresOrNull(notCreated) };
    const response: Response = [
      'Email/copy',
      {
        ...{ fromAccountId, accountId, oldState: condition.oldState, newState },
        ...result,
      },
    ];
    if (parsed.onSuccessDestroyOriginal !== true || originals.length === 0) return [response];
    const destruction = { accountId: fromAccountId, destroy: originals, ifInState: parsed.destroyFromIfInState };
    return [response, await setEmailsAfter(call, destruction)];
  },
};

interface Copying {
  readonly from: MailAccount;
  readonly source: StateCondition;
  readonly account: MailAccount;
  readonly condition: StateCondition;
}

async function copyEmail(call: Call, { account, condition, from, source }: Copying, email: unknown) {
  if (!isObject(email)) throw invalidProperties([], 'an email to copy is an object');
  const known = ['id', 'mailboxIds', 'keywords', 'receivedAt'];
  const alien = Object.keys(email).filter((name) => !known.includes(name));
  if (alien.length > 0) throw invalidProperties(alien, `only ${known.join(', ')} can be set`);
  const original = typeof email.id === 'string' ? from.email(resolveId(call, email.id) ?? '') : undefined;
  if (original === undefined) throw new SetError('notFound', 'there is no such email to copy');
  const mailboxIds = parseMailboxIds(account, call, email.mailboxIds);
  const keywords = email.keywords === undefined ? original.keywords : parseKeywords(email.keywords ?? {});
  const time = typeof email.receivedAt === 'string' ? parseJmapDate(email.receivedAt, true) : undefined;
  if (time === undefined && email.receivedAt !== undefined && email.receivedAt !== null)
    throw invalidProperties(['receivedAt'], 'receivedAt is a UTCDate');
  judgeAdding(account, mailboxIds);
  const raw = await call.blobs.bytes(from, original.blobId, call.signal);
  if (raw === undefined) throw new SetError('notFound', 'the message to copy is not there');
  const place = { mailboxIds, keywords, receivedAt: time?.at ?? original.receivedAt };
  source.beforeChange();
  const copy = await storeEmail(call, account, raw, place, condition);
  return { original: original.id, copy };
}

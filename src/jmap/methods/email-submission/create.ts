/** Creating an EmailSubmission (RFC 8621, section 7.5): whether the message may go, from whom, to whom, and when. */
import { z } from 'zod';
import { DELAYED_SEND_SECONDS_MAX } from '../../limits.ts';
import { type EmailAddress, parseAddresses } from '../../mime/address-list.ts';
import { parseJmapDate } from '../../mime/dates.ts';
import { type HeaderField, readHeaderBlock, withoutField } from '../../mime/header-block.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import type { PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { EmailRecord } from '../../store/records.ts';
import type { StoredSubmission } from '../../submission/stored-submission.ts';
import type { SmtpEnvelope, Submitter } from '../../submission/submitter.ts';
import { type Call, resolveId } from '../call.ts';
import type { StoredIdentity } from '../identity/stored-identity.ts';

const address = z.strictObject({
  email: z.string(),
  parameters: z.record(z.string(), z.string().nullable()).nullish(),
});
const shape = z.strictObject({
  identityId: z.string(),
  emailId: z.string(),
  envelope: z.strictObject({ mailFrom: address, rcptTo: z.array(address) }).nullish(),
});

/** A mailbox of RFC 5321, also with letters outside of ASCII (RFC 6531). */
const MAILBOX =
  /^(?:[^\s"<>()[\]\\,;:@]+|"(?:[^"\\\r\n]|\\.)+")@(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?(?:\.[\p{L}\p{N}](?:[\p{L}\p{N}-]*[\p{L}\p{N}])?)*(?::\d{1,5})?|\[[^\]\s]+\])$/u;

/** Throws SetError. */
export async function prepareSubmission(
  call: Call,
  submitter: Submitter,
  account: MailAccount,
  object: PlainObject,
): Promise<StoredSubmission> {
  const parsed = shape.safeParse(object);
  if (!parsed.success)
    throw invalidProperties(
      [...new Set(parsed.error.issues.flatMap((issue) => ('keys' in issue ? issue.keys : [String(issue.path[0])])))],
      parsed.error.issues[0]?.message ?? 'invalid',
    );
  const email = account.email(resolveId(call, parsed.data.emailId) ?? '');
  const identityId = resolveId(call, parsed.data.identityId) ?? '';
  const identity = account.objects.get<StoredIdentity>('Identity', identityId);
  const missing = [...(email === undefined ? ['emailId'] : []), ...(identity === undefined ? ['identityId'] : [])];
  if (email === undefined || identity === undefined) throw invalidProperties(missing, 'there is no such object');
  const hindrance = submitter.hindrance(account.id);
  if (hindrance !== undefined) throw new SetError('forbiddenToSend', hindrance);
  const raw = await call.blobs.bytes(account, email.blobId, call.signal);
  if (raw === undefined) throw invalidProperties(['emailId'], 'its message is not there');
  const { messageBytesMax } = submitter.limitsOf(account.id);
  if (raw.length > messageBytesMax)
    throw new SetError('tooLarge', `a message has at most ${messageBytesMax} octets`, { maxSize: messageBytesMax });
  const fields = readHeaderBlock(raw, 0, raw.length).fields;
  judgeMessage(fields, email, account, submitter);
  const envelope = parsed.data.envelope ? normal(parsed.data.envelope) : generate(fields, account, submitter, identity);
  judgeEnvelope(envelope, account, submitter);
  const sendAt = releaseTime(envelope, call);
  const { id: blobId } = await call.blobs.putBytes(account.id, withoutField(raw, 'bcc'), call.signal);
  return {
    identityId,
    emailId: email.id,
    threadId: email.threadId,
    envelope,
    sendAt,
    undoStatus: 'pending',
    deliveryStatus: Object.fromEntries(
      envelope.rcptTo.map(({ email: recipient }) => [
        recipient,
        { smtpReply: '250 2.0.0 Queued here', delivered: 'queued', displayed: 'unknown' },
      ]),
    ),
    dsnBlobIds: [],
    mdnBlobIds: [],
    phase: 'waiting',
    blobId,
  };
}

function addressesOf(fields: readonly HeaderField[], name: string): EmailAddress[] {
  return fields.filter((field) => field.name.toLowerCase() === name).flatMap(({ value }) => parseAddresses(value));
}

/** What RFC 5322 asks of a message that is sent, and whether its From is the account's. */
function judgeMessage(
  fields: readonly HeaderField[],
  { envelope }: EmailRecord,
  account: MailAccount,
  submitter: Submitter,
): void {
  const count = (name: string): number => fields.filter((field) => field.name.toLowerCase() === name).length;
  const from = addressesOf(fields, 'from');
  const invalid = [
    ...(count('from') !== 1 || from.length === 0 || !from.every(({ email }) => MAILBOX.test(email)) ? ['from'] : []),
    ...(count('date') !== 1 || envelope.sentAt === null ? ['sentAt'] : []),
    ...(count('message-id') > 1 ? ['messageId'] : []),
    ...(count('sender') > 1 || (from.length > 1 && count('sender') === 0) ? ['sender'] : []),
    ...['to', 'cc', 'bcc'].filter((name) => count(name) > 1),
    ...(count('subject') > 1 ? ['subject'] : []),
  ];
  if (invalid.length > 0)
    throw new SetError('invalidEmail', 'the message cannot be sent as it is', { properties: invalid });
  if (!from.every(({ email }) => submitter.maySendFrom(account.id, email)))
    throw new SetError('forbiddenFrom', 'the account may not send with this From');
}

function normal({
  mailFrom,
  rcptTo,
}: {
  mailFrom: z.output<typeof address>;
  rcptTo: z.output<typeof address>[];
}): SmtpEnvelope {
  const spell = ({ email, parameters }: z.output<typeof address>) => ({ email, parameters: parameters ?? null });
  return { mailFrom: spell(mailFrom), rcptTo: rcptTo.map(spell) };
}

/** From the message, as RFC 8621 says. */
function generate(
  fields: readonly HeaderField[],
  account: MailAccount,
  submitter: Submitter,
  identity: StoredIdentity,
): SmtpEnvelope {
  const sender = addressesOf(fields, 'sender')[0]?.email ?? addressesOf(fields, 'from')[0]?.email ?? '';
  const mailFrom = submitter.maySendFrom(account.id, sender) ? sender : identity.email;
  const recipients = ['to', 'cc', 'bcc'].flatMap((name) => addressesOf(fields, name)).map(({ email }) => email);
  return {
    mailFrom: { email: mailFrom, parameters: null },
    rcptTo: [...new Set(recipients)].map((email) => ({ email, parameters: null })),
  };
}

function judgeEnvelope({ mailFrom, rcptTo }: SmtpEnvelope, account: MailAccount, submitter: Submitter): void {
  if (!submitter.maySendFrom(account.id, mailFrom.email))
    throw new SetError('forbiddenMailFrom', 'the account may not send with this return address');
  if (rcptTo.length === 0) throw new SetError('noRecipients', 'nobody would get the message');
  const { recipientsMax } = submitter.limitsOf(account.id);
  if (rcptTo.length > recipientsMax)
    throw new SetError('tooManyRecipients', `at most ${recipientsMax} recipients`, { maxRecipients: recipientsMax });
  const wrong = rcptTo.map(({ email }) => email).filter((email) => !MAILBOX.test(email));
  if (wrong.length > 0) throw new SetError('invalidRecipients', 'these are no addresses', { invalidRecipients: wrong });
}

/** Now, or when FUTURERELEASE (RFC 4865) says. */
function releaseTime({ mailFrom }: SmtpEnvelope, call: Call): number {
  const now = Math.floor(call.clock.now() / 1000) * 1000;
  const parameters = new Map(
    Object.entries(mailFrom.parameters ?? {}).map(([name, value]) => [name.toUpperCase(), value]),
  );
  const holdFor = parameters.get('HOLDFOR');
  const holdUntil = parameters.get('HOLDUNTIL');
  if (holdFor === undefined && holdUntil === undefined) return now;
  const at =
    typeof holdFor === 'string' && /^\d{1,9}$/.test(holdFor)
      ? now + Number(holdFor) * 1000
      : parseJmapDate(holdUntil ?? '', false)?.at;
  if (
    at === undefined ||
    at < now ||
    at > now + DELAYED_SEND_SECONDS_MAX * 1000 ||
    (holdFor !== undefined && holdUntil !== undefined)
  )
    throw invalidProperties(['envelope'], `a message is held at most ${DELAYED_SEND_SECONDS_MAX} seconds`);
  return at;
}

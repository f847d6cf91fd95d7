/**
 * What a control server and a user server ask of each other on the bus. Everything is about the user of the launch message;
 * passwords and keys are in sealed boxes, in unpadded base64, each with the purpose that stands here.
 *
 * control server → user server
 *   session.open  {scopes}    about a session → {}. The user server unlocks with the hub key, for which it asks.
 *   session.join  {password}  → {hubKey}. Address and password at the person's home: joins the account as a device where
 *                 the folder is new; where it is not, finds the hub key with the account's secrets (the password was
 *                 changed elsewhere). Refused with `refused` or `home_unreachable`.
 *   session.enrol {enrolment} → {outcome}, both sealed JSON: makes an account, or opens one by its recovery code and gives it
 *                 a new password. What the home refuses is an outcome.
 *   account.password {password} → {}. Sealed: the password that the account has from now on; who asks has shown the old one.
 *   account.close {}          → {}. The account ends at its home.
 *   stop          {}          → {} when everything is written; the process then ends with code 0.
 *   wake          {reason}    event: mail for the user, or a reminder that has come.
 *   logins        {}          event: a slot was revoked; what belongs to a login that has none any more ends.
 *   relieve       {}          → {}. Another process relieves the control server: its name, keys and numbers go on there. The
 *                 user server waits for that one's bus when this one's ends.
 * user server → control server
 *   ready         {}          event: it listens at its socket.
 *   rejoin        {}          → {}. It is at the bus of the process that has relieved the control server; asked until answered.
 *   secret        {name}      → {sealed}; `locked` when no session has brought a credential.
 *   ticket        {accountId, blobId, start, end}  about a session → {ticket}: these octets of a blob in the user's folder may be
 *                 streamed to that session, once and soon, without the user server. `absent`: it is no session of the user.
 *   reminder      {id, at, onMail}  event: wake the user at this time (milliseconds since 1970; null: no time), or when
 *                 mail comes, even if stopped. Neither: no more. Kept until the hub starts anew.
 */
import { z } from 'zod';

export const SCOPES = ['read', 'write', 'submit', 'manage'] as const;
/** What a session may do: read mail, change it, send, manage slots. */
export type HubScope = (typeof SCOPES)[number];

/** Purposes of sealed boxes. */
export const JOIN_PURPOSE = 'restante hub join password';
export const HUB_KEY_PURPOSE = 'restante hub key';
export const PASSWORD_PURPOSE = 'restante hub new password';
export const ENROL_PURPOSE = 'restante hub enrol';
export const ENROLLED_PURPOSE = 'restante hub enrolled';

const base64 = z.string().max(4_096);

export const sessionOpen = z.strictObject({ scopes: z.array(z.enum(SCOPES)) });
export const sessionJoin = z.strictObject({ password: base64 });
export const sessionJoined = z.strictObject({ hubKey: base64 });
export const accountPassword = z.strictObject({ password: base64 });
export const sessionEnrol = z.strictObject({ enrolment: base64 });
export const sessionEnrolled = z.strictObject({ outcome: base64 });
/** In the sealed boxes. */
export const enrolment = z.discriminatedUnion('how', [
  z.strictObject({ how: z.literal('create'), password: z.string(), invite: z.string() }),
  z.strictObject({ how: z.literal('recover'), password: z.string(), recoveryCode: z.string() }),
]);
export const enrolmentOutcome = z.discriminatedUnion('status', [
  z.strictObject({ status: z.literal('enrolled'), hubKey: base64, recoveryCode: z.string().optional() }),
  z.strictObject({ status: z.literal('refused'), code: z.string(), message: z.string() }),
]);
export type Enrolment = z.infer<typeof enrolment>;
export const secretRequest = z.strictObject({ name: z.literal('hub-key') });
export const secretAnswer = z.strictObject({ sealed: base64 });
/** Names, not paths: the control server looks in the user's own folder. */
export const ticketRequest = z
  .strictObject({
    accountId: z.string().regex(/^[A-Za-z0-9_-]{1,255}$/),
    blobId: z.string().regex(/^b[0-9a-f]{64}$/),
    start: z.int().min(0),
    end: z.int().min(0),
  })
  .refine(({ start, end }) => start <= end);
export type TicketRequest = z.infer<typeof ticketRequest>;
export const ticketAnswer = z.strictObject({ ticket: z.string().max(128) });
/** What a user server says when it is asked whether it lives: for each account at another mail server, how old what it shows is. */
export const pong = z.strictObject({
  lags: z
    .array(z.strictObject({ account: z.string().max(320), lagMs: z.int().min(0) }))
    .max(100)
    .default([]),
});
export type AccountLag = z.infer<typeof pong>['lags'][number];
export const wake = z.strictObject({ reason: z.enum(['mail', 'reminder']) });
export const reminder = z.strictObject({
  id: z.string().min(1).max(64),
  at: z.int().min(0).nullable(),
  onMail: z.boolean().default(false),
});
export const nothing = z.strictObject({});

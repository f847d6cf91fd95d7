/** Email/set (RFC 8621, section 4.6). */
import { MAIL } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { applyPatch, isSameJson, type PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { difference } from '../../store/records.ts';
import { type Call, errorResponse, type Method, type Response } from '../call.ts';
import {
  openSet,
  parseSet,
  performSet,
  type SetArguments,
  type SetHandler,
  StateCondition,
  setResponse,
} from '../standard/set.ts';
import { BodyView } from './body-view.ts';
import { createEmail } from './create.ts';
import { judgeKeywordChange, judgeMailboxChange, parseKeywords, parseMailboxIds } from './email-rules.ts';
import { bodyOptionsOf, emailObject, isEmailProperty, needsBody, setOf } from './email-view.ts';

export const emailSet: Method = {
  name: 'Email/set',
  capability: MAIL,
  permission: 'write',
  run: async (args, call) => [await setEmails(call, parseSet(args))],
};

/** What Email/copy and EmailSubmission/set do implicitly: it may fail as a whole, and what they did is told nevertheless. */
export async function setEmailsAfter(call: Call, args: SetArguments): Promise<Response> {
  try {
    return await setEmails(call, args);
  } catch (error) {
    return errorResponse(error, call, 'Email/set');
  }
}

async function setEmails(call: Call, args: SetArguments): Promise<Response> {
  const account = openSet(call, 'Email', args);
  const condition = new StateCondition(args.ifInState, () => account.state('Email'));
  const result = await performSet(call, args, new EmailChanger(call, account, condition));
  return setResponse('Email', account, condition.oldState, account.state('Email'), result);
}

class EmailChanger implements SetHandler {
  readonly #call: Call;
  readonly #account: MailAccount;
  readonly #condition: StateCondition;

  constructor(call: Call, account: MailAccount, condition: StateCondition) {
    this.#call = call;
    this.#account = account;
    this.#condition = condition;
  }

  async create(object: PlainObject): Promise<PlainObject> {
    return { ...(await createEmail(this.#call, this.#account, object, this.#condition)) };
  }

  async update(id: string, patch: PlainObject): Promise<null> {
    const names = new Set(Object.keys(patch).map((path) => path.split('/')[0] ?? ''));
    const others = [...names].filter((name) => name !== 'keywords' && name !== 'mailboxIds');
    const fixed = others.length === 0 ? {} : await this.#current(id, others);
    // Only now: while its message was read, its keywords may have become others.
    const email = this.#account.email(id);
    if (email === undefined) throw new SetError('notFound', 'there is no such email');
    const current = {
      ...fixed,
      keywords: setOf(email.keywords),
      mailboxIds: setOf(email.mailboxIds),
    };
    const patched = applyPatch(current, normalPaths(this.#call, patch), { keywords: {} });
    const alien = others.filter((name) => !isSameJson(patched[name], current[name as keyof typeof current]));
    if (alien.length > 0) throw invalidProperties(alien, 'these properties of an email never change');
    const keywords = names.has('keywords') ? parseKeywords(patched.keywords) : email.keywords;
    const mailboxIds = names.has('mailboxIds')
      ? parseMailboxIds(this.#account, this.#call, patched.mailboxIds)
      : email.mailboxIds;
    judgeMailboxChange(this.#account, difference(email.mailboxIds, mailboxIds));
    judgeKeywordChange(this.#account, email.mailboxIds, difference(email.keywords, keywords));
    this.#condition.beforeChange();
    this.#account.updateEmail(id, { keywords, mailboxIds }, 'client');
    return null;
  }

  destroy(id: string): void {
    const email = this.#account.email(id);
    if (email === undefined) throw new SetError('notFound', 'there is no such email');
    judgeMailboxChange(this.#account, { added: [], removed: email.mailboxIds });
    this.#condition.beforeChange();
    this.#account.removeEmails([id], 'client');
  }

  /** What a client sees of properties that it sends back. */
  async #current(id: string, names: readonly string[]): Promise<PlainObject> {
    const email = this.#account.email(id);
    const known = names.filter(isEmailProperty);
    if (email === undefined) return {};
    if (known.some((name) => name.startsWith('header'))) await this.#call.store.complete();
    const raw = needsBody(known)
      ? await this.#call.blobs.bytes(this.#account, email.blobId, this.#call.signal)
      : undefined;
    const body = raw === undefined ? undefined : this.#bodyOf(raw, email.blobId);
    return emailObject({ email, body, fields: () => this.#account.headers(email) }, known, bodyOptionsOf({}));
  }

  #bodyOf(raw: Uint8Array, blobId: string): BodyView {
    return new BodyView(raw, blobId, (type, content) => this.#call.blobs.remoteOf(this.#account, type, content));
  }
}

/** `mailboxIds/#new` names a mailbox that was created in this request; keywords are lower case however they are written. */
function normalPaths(call: Call, patch: PlainObject): PlainObject {
  return Object.fromEntries(
    Object.entries(patch).map(([path, value]) => {
      if (path.startsWith('keywords/')) return [path.toLowerCase(), value];
      const creationId = path.startsWith('mailboxIds/#') ? path.slice('mailboxIds/#'.length) : undefined;
      const id = creationId === undefined ? undefined : call.createdIds.get(creationId);
      return [id === undefined ? path : `mailboxIds/${id}`, value];
    }),
  );
}

/** EmailSubmission/set (RFC 8621, section 7.5), and the Email/set that it may imply. */
import { z } from 'zod';
import { parseArguments } from '../../protocol/arguments.ts';
import { SUBMISSION } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { applyPatch, isSameJson, type PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import type { StoredSubmission } from '../../submission/stored-submission.ts';
import { forgetSubmission } from '../../submission/submission-shelf.ts';
import type { Call, Method } from '../call.ts';
import { setEmailsAfter } from '../email/set.ts';
import {
  newId,
  openSet,
  performSet,
  type SetHandler,
  StateCondition,
  setArguments,
  setResponse,
} from '../standard/set.ts';
import { prepareSubmission } from './create.ts';
import { submissionObject } from './submission-object.ts';

const submissionSetArguments = z.strictObject({
  ...setArguments.shape,
  onSuccessUpdateEmail: z.record(z.string(), z.record(z.string(), z.unknown())).nullish(),
  onSuccessDestroyEmail: z.array(z.string()).nullish(),
});

export const emailSubmissionSet: Method = {
  name: 'EmailSubmission/set',
  capability: SUBMISSION,
  permission: 'send',
  async run(args, call) {
    const { onSuccessUpdateEmail, onSuccessDestroyEmail, ...parsed } = parseArguments(submissionSetArguments, args);
    const account = openSet(call, 'EmailSubmission', parsed);
    const condition = new StateCondition(parsed.ifInState, () => account.state('EmailSubmission'));
    const handler = new SubmissionChanger(call, account, condition);
    const result = await performSet(call, parsed, handler);
    const response = setResponse(
      'EmailSubmission',
      account,
      condition.oldState,
      account.state('EmailSubmission'),
      result,
    );
    // Created ones may be named by their creation id, all by their id.
    for (const [creationId, { id }] of result.created) handler.succeed(String(id), `#${creationId}`);
    for (const id of [...result.updated.keys(), ...result.destroyed]) handler.succeed(id, id);
    const update: Record<string, PlainObject> = {};
    for (const [name, patch] of Object.entries(onSuccessUpdateEmail ?? {})) {
      const emailId = handler.emailOf(name);
      if (emailId !== undefined) update[emailId] = patch;
    }
    const destroy = (onSuccessDestroyEmail ?? []).flatMap((name) => handler.emailOf(name) ?? []);
    if (Object.keys(update).length === 0 && destroy.length === 0) return [response];
    return [response, await setEmailsAfter(call, { accountId: account.id, update, destroy })];
  },
};

class SubmissionChanger implements SetHandler {
  readonly #call: Call;
  readonly #account: MailAccount;
  readonly #condition: StateCondition;
  /** The emails of submissions, also of those that are destroyed here. */
  readonly #emails = new Map<string, string>();
  /** Names under which a submission that succeeded may be meant. */
  readonly #succeeded = new Map<string, string>();

  constructor(call: Call, account: MailAccount, condition: StateCondition) {
    this.#call = call;
    this.#account = account;
    this.#condition = condition;
  }

  async create(object: PlainObject): Promise<PlainObject> {
    const { submission } = this.#call;
    if (submission === undefined) throw new SetError('forbiddenToSend', 'this server sends nothing');
    const prepared = await prepareSubmission(this.#call, submission.submitter, this.#account, object);
    const id = newId(this.#call, 's');
    this.#emails.set(id, prepared.emailId);
    this.#condition.beforeChange();
    this.#account.objects.put('EmailSubmission', id, prepared);
    submission.queue.start(this.#account, id);
    const { identityId: _identity, emailId: _email, ...serverSet } = submissionObject(id, prepared);
    return isSameJson(object.envelope, serverSet.envelope) ? omit(serverSet, 'envelope') : serverSet;
  }

  update(id: string, patch: PlainObject): null {
    const before = this.#read(id);
    const current = submissionObject(id, before);
    const patched = applyPatch(current, patch);
    const changed = Object.keys(patched).filter((name) => !isSameJson(patched[name], current[name]));
    const others = changed.filter((name) => name !== 'undoStatus');
    if (others.length > 0) throw invalidProperties(others, 'only undoStatus can be changed');
    if (!changed.includes('undoStatus')) return null;
    if (patched.undoStatus !== 'canceled') throw invalidProperties(['undoStatus'], 'it can only become canceled');
    this.#condition.beforeChange();
    if (this.#call.submission?.queue.cancel(this.#account, id) !== true)
      throw new SetError('cannotUnsend', 'the message has been handed over');
    return null;
  }

  /** Only what is known of it: sending goes on (RFC 8621, section 7.5). */
  destroy(id: string): void {
    this.#read(id);
    this.#condition.beforeChange();
    this.#call.store.transact(() => forgetSubmission(this.#account, id));
  }

  succeed(id: string, name: string): void {
    this.#succeeded.set(name, id);
    this.#succeeded.set(id, id);
  }

  emailOf(name: string): string | undefined {
    const id = this.#succeeded.get(name);
    return id === undefined ? undefined : this.#emails.get(id);
  }

  #read(id: string): StoredSubmission {
    const submission = this.#account.objects.get<StoredSubmission>('EmailSubmission', id);
    if (submission === undefined) throw new SetError('notFound', 'there is no such submission');
    this.#emails.set(id, submission.emailId);
    return submission;
  }
}

function omit(object: PlainObject, name: string): PlainObject {
  const { [name]: _omitted, ...rest } = object;
  return rest;
}

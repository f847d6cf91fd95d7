/** Mailbox/set (RFC 8621, section 2.5). */
import { z } from 'zod';
import { parseArguments } from '../../protocol/arguments.ts';
import { MAIL } from '../../protocol/capabilities.ts';
import { invalidProperties, SetError } from '../../protocol/errors.ts';
import { applyPatch, isSameJson, type PlainObject } from '../../protocol/patch.ts';
import type { MailAccount } from '../../store/mail-account.ts';
import { ALL_RIGHTS, type MailboxRecord } from '../../store/records.ts';
import { type Call, type Method, resolveId } from '../call.ts';
import {
  newId,
  openSet,
  performSetAtOnce,
  type SetHandler,
  type SetPlan,
  setArguments,
  setResponse,
} from '../standard/set.ts';
import { MAILBOX_PROPERTIES, mailboxObject } from './mailbox-object.ts';
import {
  ancestorsOf,
  forbidden,
  isForest,
  judgeMailbox,
  judgeValues,
  type MailboxPlace,
  type MailboxValues,
  parseMailboxValues,
} from './mailbox-rules.ts';

const SETTABLE = ['name', 'parentId', 'role', 'sortOrder', 'isSubscribed'];
const DEFAULTS = { parentId: null, role: null, sortOrder: 0, isSubscribed: false };
const NONE: ReadonlySet<string> = new Set();

const mailboxSetArguments = z.strictObject({
  ...setArguments.shape,
  onDestroyRemoveEmails: z.boolean().nullish(),
});

export const mailboxSet: Method = {
  name: 'Mailbox/set',
  capability: MAIL,
  permission: 'write',
  run(args, call) {
    const parsed = parseArguments(mailboxSetArguments, args);
    const account = openSet(call, 'Mailbox', parsed);
    const oldState = account.state('Mailbox');
    const handler = new MailboxChanger(call, account, parsed.onDestroyRemoveEmails ?? false);
    const result = performSetAtOnce(call, parsed, handler);
    return [setResponse('Mailbox', account, oldState, account.state('Mailbox'), result)];
  },
};

class MailboxChanger implements SetHandler {
  readonly #call: Call;
  readonly #account: MailAccount;
  readonly #removesEmails: boolean;
  /** All of the call together ends in a valid state, so that its parts may pass through others: two may swap names. */
  #isValidTogether = false;

  constructor(call: Call, account: MailAccount, removesEmails: boolean) {
    this.#call = call;
    this.#account = account;
    this.#removesEmails = removesEmails;
  }

  create(object: PlainObject): PlainObject {
    const values = this.#parsed(object);
    this.#judge(undefined, values);
    this.#judgeParent(values.parentId);
    const mailbox: MailboxRecord = { id: newId(this.#call, 'f'), ...values, rights: ALL_RIGHTS };
    this.#account.putMailbox(mailbox, 'client');
    const shown = mailboxObject(this.#account, mailbox);
    return Object.fromEntries(
      MAILBOX_PROPERTIES.filter((name) => !isSameJson(object[name], shown[name])).map((name) => [name, shown[name]]),
    );
  }

  #parsed(object: PlainObject, made: ReadonlySet<string> = NONE): MailboxValues {
    const alien = Object.keys(object).filter((name) => !SETTABLE.includes(name));
    if (alien.length > 0) throw invalidProperties(alien, 'only the server sets these');
    // RFC 8621: true for mailboxes that people make themselves.
    const defaults = { ...DEFAULTS, isSubscribed: true };
    return parseMailboxValues(this.#resolved({ ...defaults, ...object }, made));
  }

  /** RFC 8620, section 5.3: if the final state is valid, that is allowed; otherwise each is judged by the state it finds. */
  prepare(plan: SetPlan): void {
    try {
      this.#isValidTogether = plan.isKnown && isForest(this.#final(plan));
    } catch (error) {
      if (!(error instanceof SetError)) throw error; // told when it is its turn
    }
  }

  /** The mailboxes as they will be, with all parts done. Throws SetError if one cannot be, whatever becomes of the others. */
  #final({ create, update, destroy }: SetPlan): ReadonlyMap<string, MailboxPlace> {
    const final = new Map<string, MailboxPlace>(this.#account.mailboxes().map((mailbox) => [mailbox.id, mailbox]));
    const made = new Set(create.map(([creationId]) => `#${creationId}`));
    for (const id of destroy) {
      this.#judgeDestruction(id);
      final.delete(id);
    }
    for (const [id, patch] of update) {
      const { values } = this.#patched(id, patch, made);
      judgeValues(values);
      final.set(id, values);
    }
    for (const [creationId, object] of create) {
      const values = this.#parsed(object, made);
      judgeValues(values);
      if (values.parentId === null || !made.has(values.parentId)) this.#judgeParent(values.parentId);
      final.set(`#${creationId}`, values);
    }
    return final;
  }

  #judge(id: string | undefined, values: MailboxValues): void {
    if (this.#isValidTogether) judgeValues(values);
    else judgeMailbox(this.#account, id, values);
  }

  update(id: string, patch: PlainObject): PlainObject | null {
    const { before, values } = this.#patched(id, patch);
    this.#judge(id, values);
    this.#account.putMailbox({ ...before, ...values }, 'client');
    const { name } = values;
    return patch.name === undefined || patch.name === name ? null : { name };
  }

  #patched(
    id: string,
    patch: PlainObject,
    made: ReadonlySet<string> = NONE,
  ): { before: MailboxRecord; values: MailboxValues } {
    const before = this.#account.mailbox(id);
    if (before === undefined) throw new SetError('notFound', 'there is no such mailbox');
    const current = mailboxObject(this.#account, before);
    const patched = this.#resolved(applyPatch(current, patch, DEFAULTS), made);
    const alien = Object.keys(patched).filter(
      (name) => !SETTABLE.includes(name) && !isSameJson(patched[name], current[name]),
    );
    if (alien.length > 0) throw invalidProperties(alien, 'only the server sets these');
    const values = parseMailboxValues(patched);
    this.#judgeRights(before, values);
    return { before, values };
  }

  destroy(id: string): void {
    const mailbox = this.#judgeDestruction(id);
    if (this.#account.mailboxes().some(({ parentId }) => parentId === id))
      throw new SetError('mailboxHasChild', 'it has mailboxes within it');
    this.#account.removeMailbox(mailbox.id, 'client');
  }

  /** All but that it has no mailboxes within it, which others of the call may change. */
  #judgeDestruction(id: string): MailboxRecord {
    const mailbox = this.#account.mailbox(id);
    if (mailbox === undefined) throw new SetError('notFound', 'there is no such mailbox');
    if (!mailbox.rights.mayDelete) throw forbidden('this mailbox may not be deleted');
    const hasEmails = this.#account.counts(id).totalEmails > 0;
    if (hasEmails && !this.#removesEmails) throw new SetError('mailboxHasEmail', 'it has emails in it');
    if (hasEmails && !mailbox.rights.mayRemoveItems) throw forbidden('emails may not be removed from this mailbox');
    return mailbox;
  }

  /** Parents before their children, so that these can refer to them. */
  orderCreations(creations: readonly [string, PlainObject][]): readonly [string, PlainObject][] {
    const byId = new Map(creations);
    const ordered = new Map<string, PlainObject>();
    const visit = (creationId: string, path: ReadonlySet<string>): void => {
      const object = byId.get(creationId);
      if (object === undefined) return;
      const parent = typeof object.parentId === 'string' ? object.parentId : '';
      if (parent.startsWith('#') && byId.has(parent.slice(1)) && !path.has(creationId))
        visit(parent.slice(1), new Set([...path, creationId]));
      if (!ordered.has(creationId)) ordered.set(creationId, object);
    };
    for (const [creationId] of creations) visit(creationId, new Set());
    return [...ordered];
  }

  /** Children before their parents. */
  orderDestructions(ids: readonly string[]): readonly string[] {
    const depth = (id: string): number => ancestorsOf(this.#account, resolveId(this.#call, id) ?? id)?.length ?? 0;
    return [...ids].sort((a, b) => depth(b) - depth(a));
  }

  /** `made` are references to what this call is still to create. */
  #resolved(values: PlainObject, made: ReadonlySet<string> = NONE): PlainObject {
    const { parentId } = values;
    if (typeof parentId !== 'string' || made.has(parentId)) return values;
    const resolved = resolveId(this.#call, parentId);
    if (resolved === undefined) throw invalidProperties(['parentId'], `nothing was created as ${parentId}`);
    return { ...values, parentId: resolved };
  }

  #judgeParent(parentId: string | null): void {
    if (parentId !== null && this.#account.mailbox(parentId)?.rights.mayCreateChild !== true)
      throw forbidden('no mailbox may be made within that one');
  }

  #judgeRights(before: MailboxRecord, values: MailboxValues): void {
    const isMoved = values.parentId !== before.parentId;
    if ((isMoved || values.name !== before.name) && !before.rights.mayRename)
      throw forbidden('this mailbox may not be renamed');
    if (isMoved) this.#judgeParent(values.parentId);
  }
}

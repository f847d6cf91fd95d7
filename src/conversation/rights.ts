/**
 * Who may do what, judged by what somebody is in a conversation; and what being less takes away. Levels order the roles;
 * an act needs one, and a change that leaves its author below it takes the right to that act.
 */
import type { Address, PduId } from '../protocol/index.ts';
import type { MemberChange, Role, SettingChange } from './change.ts';
import type { ChangeSet } from './change-set.ts';

export type Act =
  | { readonly type: 'found'; readonly members: readonly Address[] }
  | { readonly type: 'mail' }
  | MemberChange
  | SettingChange;

/** A PDU as far as rights are concerned. */
export interface Deed {
  readonly author: Address;
  readonly act: Act;
  /** The changes among its ancestors. */
  readonly past: ChangeSet;
}

/** A deed that can change members or settings. `index` is its local number, by admission: ancestors have lower ones. */
export interface Change extends Deed {
  readonly index: number;
  readonly id: PduId;
  readonly depth: number;
}

/** What somebody is, and the change that says so. */
export interface Standing {
  readonly role: Role;
  readonly by: Change;
}

/** `level`: what the author needs; `open` where the right is only that the conversation is open, as this role or less. */
export interface Need {
  readonly level: number;
  readonly open: 'member' | 'reader' | undefined;
}

export interface Right extends Need {
  /** The change that gives the right, by which the elder is told in a contest. A founding mail rests on nothing. */
  readonly basis: Change | undefined;
  /** Whether the act takes rights away. */
  readonly takes: boolean;
}

const LEVELS: Readonly<Record<Role, number>> = { owner: 3, member: 2, reader: 1, invited: 0, left: 0, removed: -1 };
const OUTSIDE = 0;

export function levelOf(role: Role | undefined): number {
  return role === undefined ? OUTSIDE : LEVELS[role];
}

/** What a deed may rest on: what people and settings were in some set of changes. */
export interface Ground {
  standing(address: Address): Standing | undefined;
  setting(): { readonly change: SettingChange; readonly by: Change } | undefined;
}

/** The right to a deed, or undefined. A change that would change nothing has none, so nobody is made younger by it. */
export function rightTo({ author, act }: Deed, ground: Ground): Right | undefined {
  if (act.type === 'found') return { level: LEVELS.removed, open: undefined, basis: undefined, takes: false };
  const own = ground.standing(author);
  if (act.type === 'member' && act.about === author) return rightToOwnRole(act.role, own, ground);
  const level = act.type === 'mail' ? LEVELS.member : LEVELS.owner;
  if (own === undefined || levelOf(own.role) < level) return undefined;
  const right = { level, open: undefined, basis: own.by };
  if (act.type !== 'member') return { ...right, takes: act.type === 'state' };
  const before = ground.standing(act.about)?.role;
  if (act.role === 'left' || act.role === before) return undefined;
  if (act.role === 'invited') return levelOf(before) > OUTSIDE ? undefined : { ...right, takes: false };
  return { ...right, takes: levelOf(act.role) < levelOf(before) };
}

/** About oneself: leaving, being less than one was, and joining. */
function rightToOwnRole(role: Role, own: Standing | undefined, ground: Ground): Right | undefined {
  const before = levelOf(own?.role);
  const level = levelOf(role);
  if (role === 'left')
    return own === undefined || (before <= OUTSIDE && own.role !== 'invited')
      ? undefined
      : { level: OUTSIDE, open: undefined, basis: own.by, takes: true };
  if (role !== 'member' && role !== 'reader') return undefined;
  if (own !== undefined && before > OUTSIDE)
    return level < before ? { level, open: undefined, basis: own.by, takes: true } : undefined;
  if (own?.role === 'invited') return { level: OUTSIDE, open: undefined, basis: own.by, takes: false };
  const rule = ground.setting();
  if (own?.role === 'removed' || rule === undefined || !isOpenFor(rule.change, role)) return undefined;
  return { level: OUTSIDE, open: role, basis: rule.by, takes: false };
}

/** Whether `taking`, by itself, ends the right to a deed of this need. */
export function endsRight(taking: Change, author: Address, need: Need): boolean {
  const { act } = taking;
  if (act.type === 'member') return act.about === author && levelOf(act.role) < need.level;
  return act.type === 'state' && need.open !== undefined && !isOpenFor(act, need.open);
}

function isOpenFor({ value }: SettingChange, role: 'member' | 'reader'): boolean {
  return value !== 'invite' && LEVELS[role] <= LEVELS[value.open];
}

/** The order in which later ones clobber earlier ones: deeper, then by id. */
export function compareChanges(a: { depth: number; id: string }, b: { depth: number; id: string }): number {
  return a.depth - b.depth || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

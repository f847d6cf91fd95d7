/**
 * Signing in: the password is shown to the hub once, for an app password of this window that can be revoked alone and ends
 * by itself. That token is what the page keeps, for as long as the window is open.
 */
import type { Session } from './objects.ts';
import { ask, Refusal } from './refusal.ts';

export interface Login {
  readonly address: string;
  readonly token: string;
  readonly slotId: string;
}

/** An app password or a session, as the hub lists them. */
export interface Slot {
  readonly id: string;
  readonly kind: 'password' | 'app' | 'session';
  readonly name: string;
  readonly scopes: readonly string[];
  readonly createdAt: number;
  readonly expiresAt?: number;
}

const KEPT_AS = 'restante.login';
const SESSION_KEPT_AS = 'restante.session';
const DAY_MS = 86_400_000;
/** A window that stays open longer asks for the password again. */
const LOGIN_MS = 14 * DAY_MS;
const SLOT_NAME_CHARACTERS_MAX = 100;
/** What programs may do that are given an app password. */
const MAIL_SCOPES = ['read', 'write', 'submit'];

export async function signIn(address: string, password: string, deviceName: string): Promise<Login> {
  const user = address.trim().toLowerCase();
  const authorization = `Basic ${toBase64(`${user}:${password}`)}`;
  const terms = {
    name: deviceName.slice(0, SLOT_NAME_CHARACTERS_MAX),
    scopes: [...MAIL_SCOPES, 'manage'],
    expiresAt: Date.now() + LOGIN_MS,
  };
  const { id, token } = await addSlot(authorization, terms);
  const login = { address: user, token, slotId: id };
  sessionStorage.setItem(KEPT_AS, JSON.stringify(login));
  return login;
}

export function keptLogin(): Login | undefined {
  const kept = sessionStorage.getItem(KEPT_AS);
  return kept === null ? undefined : (JSON.parse(kept) as Login);
}

/** What a window that is loaded again without a network begins with: no secret is in it. */
export function keptSession(): Session | undefined {
  const kept = sessionStorage.getItem(SESSION_KEPT_AS);
  return kept === null ? undefined : (JSON.parse(kept) as Session);
}

export function keepSession(session: Session): void {
  sessionStorage.setItem(SESSION_KEPT_AS, JSON.stringify(session));
}

export function forgetLogin(): void {
  sessionStorage.clear();
}

export async function revokeSlot(login: Login, slotId: string): Promise<void> {
  try {
    await ask(`/hub/slots/${slotId}`, { method: 'DELETE', headers: { authorization: bearer(login) } });
  } catch (error) {
    // Revoking one's own cuts the connection that asks for it; what is gone already needs no revoking.
    if (!(error instanceof Refusal) || (error.status !== 401 && error.status !== 404)) throw error;
  }
}

export async function listSlots(login: Login): Promise<readonly Slot[]> {
  return (await ask('/hub/slots', { headers: { authorization: bearer(login) } })).json();
}

/** The password of another program; it is shown once. */
export async function addAppPassword(login: Login, name: string): Promise<string> {
  return (await addSlot(bearer(login), { name, scopes: MAIL_SCOPES })).token;
}

export function bearer({ token }: Login): string {
  return `Bearer ${token}`;
}

async function addSlot(authorization: string, terms: object): Promise<{ readonly id: string; readonly token: string }> {
  const body = JSON.stringify(terms);
  return (await ask('/hub/slots', { method: 'POST', headers: { authorization }, body })).json();
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

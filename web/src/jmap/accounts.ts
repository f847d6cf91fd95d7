/** Making and opening accounts, before anybody has logged in; and mail accounts elsewhere, which stand beside them. */
import { bearer, type Login } from './login.ts';
import { ask } from './refusal.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

/** Whose people come here: undefined where any home's do. */
export async function homeHere(): Promise<string | undefined> {
  const { homes } = (await (await ask('/hub/home', {})).json()) as { readonly homes: readonly string[] };
  return homes[0];
}

/** The recovery code, which is shown once. */
export async function makeAccount(address: string, password: string, invite: string): Promise<string> {
  const body = JSON.stringify({ address, password, invite });
  const response = await ask('/hub/accounts', { method: 'POST', headers: JSON_TYPE, body });
  return ((await response.json()) as { readonly recoveryCode: string }).recoveryCode;
}

export async function recoverAccount(address: string, recoveryCode: string, password: string): Promise<void> {
  const body = JSON.stringify({ address, recoveryCode, password });
  await ask('/hub/accounts/recover', { method: 'POST', headers: JSON_TYPE, body });
}

export interface MailServer {
  readonly host: string;
  readonly port: number;
  readonly security: 'tls' | 'starttls' | 'none';
  readonly user: string;
  readonly secret: string;
  readonly auth: 'password';
}

export interface MailAccountStatus {
  /** Of the JMAP account. */
  readonly id: string;
  readonly address: string;
  readonly agent: { readonly state: string; readonly reason?: string };
  /** Messages whose header or text is still to come. */
  readonly toFetch: number;
  /** What the account's server refuses, and why what is to be sent waits: in the hub's words, and for most by its codes. */
  readonly server?: { readonly problem?: string; readonly problemCode?: string };
  readonly sendingProblem?: string;
  readonly sendingProblemCode?: string;
}

export async function listMailAccounts(login: Login): Promise<readonly MailAccountStatus[]> {
  const response = await ask('/jmap/mail-accounts', { headers: { authorization: bearer(login) } });
  return ((await response.json()) as { readonly accounts: readonly MailAccountStatus[] }).accounts;
}

export async function addMailAccount(
  login: Login,
  settings: { readonly address: string; readonly imap: MailServer; readonly smtp?: MailServer },
): Promise<void> {
  const headers = { ...JSON_TYPE, authorization: bearer(login) };
  await ask('/jmap/mail-accounts', { method: 'POST', headers, body: JSON.stringify(settings) });
}

export async function removeMailAccount(login: Login, id: string): Promise<void> {
  const headers = { ...JSON_TYPE, authorization: bearer(login) };
  await ask(`/jmap/mail-accounts/${encodeURIComponent(id)}/remove`, { method: 'POST', headers, body: '{}' });
}

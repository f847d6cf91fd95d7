/** What the hub says of somebody's own account, and takes: beside JMAP (docs/protocol/hub.md). */
import { bearer, type Login } from './login.ts';
import { ask } from './refusal.ts';

export interface Device {
  readonly id: string;
  readonly name: string;
  readonly addedAt: number;
  readonly isThis: boolean;
  readonly isRevoked: boolean;
}

export interface NodeView {
  readonly name: string;
  readonly url: string;
  readonly source: 'home' | 'fleet' | 'own';
  readonly state: 'connected' | 'connecting' | 'disconnected';
  readonly rttMs?: number;
  readonly pinned: boolean;
  readonly score: number;
}

export interface PersonStatus {
  readonly address: string;
  readonly fingerprint: string;
  readonly devices: readonly Device[];
  readonly state: {
    readonly connection: string;
    readonly node?: string;
    readonly pinned?: string;
    readonly borrowed: boolean;
  };
  readonly nodes: readonly NodeView[];
  readonly fleets: { readonly names: readonly string[]; readonly current?: string };
  readonly alarms: readonly { readonly code: string; readonly subject: string; readonly detail: string }[];
  readonly blocked: readonly string[];
  readonly queued: number;
  /** 0: the home sends no ordinary mail. Undefined: nobody can tell now. */
  readonly ordinaryBytesMax?: number;
}

export interface KeyView {
  readonly address: string;
  readonly fingerprint?: string;
  readonly logged: boolean;
  readonly since: number;
  readonly trust: 'verified' | string;
  readonly alarm?: string;
  readonly isClosed: boolean;
}

export interface ProofView {
  readonly author: string;
  readonly proof: string;
  readonly bound: boolean;
  readonly key?: KeyView;
  readonly members: readonly { readonly address: string; readonly role: string }[];
  /** Ordinary mail, which came to the home in the clear. */
  readonly isOutside: boolean;
}

export type NodeChange =
  | { readonly act: 'pin' | 'remove' | 'fleet'; readonly name: string }
  | { readonly act: 'unpin' }
  | { readonly act: 'add'; readonly name: string; readonly url: string; readonly key?: string };

export class PersonDoor {
  readonly #login: Login;

  constructor(login: Login) {
    this.#login = login;
  }

  status(): Promise<PersonStatus> {
    return this.#get('/jmap/person');
  }

  /** Undefined: ordinary mail. */
  async proof(emailId: string): Promise<ProofView | undefined> {
    const path = `/jmap/person/proof/${encodeURIComponent(emailId)}`;
    return (await this.#get<{ readonly proof: ProofView | null }>(path)).proof ?? undefined;
  }

  async key(address: string): Promise<KeyView> {
    return (await this.#post<{ readonly key: KeyView }>('/jmap/person/key', { address })).key;
  }

  async verify(address: string, fingerprint: string): Promise<KeyView> {
    return (await this.#post<{ readonly key: KeyView }>('/jmap/person/verify', { address, fingerprint })).key;
  }

  async ping(): Promise<readonly { readonly name: string; readonly rttMs?: number }[]> {
    const path = '/jmap/person/ping';
    return (await this.#post<{ readonly nodes: readonly { name: string; rttMs?: number }[] }>(path, {})).nodes;
  }

  changeNodes(change: NodeChange): Promise<object> {
    return this.#post('/jmap/person/nodes', change);
  }

  revokeDevice(id: string): Promise<object> {
    return this.#post('/jmap/person/revoke', { id });
  }

  rotate(): Promise<{ readonly fingerprint: string }> {
    return this.#post('/jmap/person/rotate', {});
  }

  async newRecoveryCode(): Promise<string> {
    const path = '/jmap/person/recovery-code';
    return (await this.#post<{ readonly recoveryCode: string }>(path, {})).recoveryCode;
  }

  block(who: string, isBlocked: boolean): Promise<object> {
    return this.#post('/jmap/person/block', { who, isBlocked });
  }

  dismissAlarm(alarm: { readonly code: string; readonly subject: string }): Promise<object> {
    return this.#post('/jmap/person/alarm', { code: alarm.code, subject: alarm.subject });
  }

  async changePassword(current: string, password: string): Promise<void> {
    await this.#send('/hub/account/password', { current, password });
  }

  async close(current: string): Promise<void> {
    await this.#send('/hub/account/close', { current });
  }

  async #get<Result>(path: string): Promise<Result> {
    return (await ask(path, { headers: { authorization: bearer(this.#login) } })).json();
  }

  async #post<Result>(path: string, body: object): Promise<Result> {
    return (await this.#send(path, body)).json();
  }

  #send(path: string, body: object): Promise<Response> {
    const headers = { authorization: bearer(this.#login), 'content-type': 'application/json' };
    return ask(path, { method: 'POST', headers, body: JSON.stringify(body) });
  }
}

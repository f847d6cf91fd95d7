/** What the hub tells its operator, and takes from them (src/hub/control/operator-page.ts). */
import { ask } from '../jmap/refusal.ts';

export interface AccountFigures {
  readonly address: string;
  readonly devices: number;
  readonly entries: number;
  readonly bytes: number;
  readonly quotaBytes: number;
  readonly banned: boolean;
  readonly closed: boolean;
}

export interface Destination {
  readonly home: string;
  readonly queued: number;
  readonly oldestAt?: number;
  readonly lastSuccessAt?: number;
  readonly nextTryAt?: number;
  readonly failures: number;
  readonly lastError?: { readonly message?: string; readonly code?: string };
}

export interface Status {
  readonly hub: {
    readonly sessions: number;
    readonly users: readonly {
      readonly user: string;
      readonly phase: string;
      readonly connections: number;
      readonly residentBytes: number;
      readonly ageMs: number;
      readonly failures: number;
    }[];
  };
  readonly node?: {
    readonly home: string;
    readonly node: string;
    readonly accounts: number;
    readonly entries: number;
    readonly bytes: number;
    readonly connections: number;
  };
  readonly accounts?: readonly AccountFigures[];
  readonly fleet?: {
    readonly nodes: readonly { node: string; state: string; registrar: boolean; urls: readonly string[] }[];
    readonly feeds: readonly {
      readonly node: string;
      readonly feed: string;
      readonly length: number;
      readonly have: number;
      readonly copies: number;
      readonly retired: boolean;
      readonly fork: readonly [number, number] | null;
    }[];
  };
  readonly federation?: readonly Destination[];
  readonly problems: readonly string[];
}

export class OperatorDoor {
  readonly #token: string;

  constructor(token: string) {
    this.#token = token;
  }

  async status(): Promise<Status> {
    return (await this.#ask('status')).json();
  }

  async metrics(): Promise<string> {
    return (await this.#ask('metrics')).text();
  }

  async act<Result>(name: 'invite' | 'quota' | 'ban' | 'retry' | 'restart', body: object): Promise<Result> {
    return (await this.#ask(name, { method: 'POST', body: JSON.stringify(body) })).json();
  }

  #ask(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' };
    return ask(`/operator/${path}`, { ...init, headers });
  }
}

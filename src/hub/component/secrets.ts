/**
 * How a component gets a secret that it needs: it asks over the bus, and the answer is sealed to its own key. What is
 * returned is the caller's to overwrite.
 */
import { fromBase64 } from '../../base/index.ts';
import { HubError } from '../hub-error.ts';
import type { Component, RequestOptions } from './component.ts';
import type { InstanceId } from './ids.ts';
import type { ComponentKeys } from './keys.ts';
import { openSealed } from './sealing.ts';
import { HUB_KEY_PURPOSE, secretAnswer } from './user-server-protocol.ts';

export type SecretName = 'hub-key';

export interface Secrets {
  /** Throws HubError `locked` when nobody has brought a credential. */
  ask(name: SecretName, options: RequestOptions): Promise<Uint8Array>;
}

const PURPOSES: Readonly<Record<SecretName, string>> = { 'hub-key': HUB_KEY_PURPOSE };

export class BusSecrets implements Secrets {
  readonly #component: Component;
  readonly #keys: ComponentKeys['sealing'];
  readonly #keeper: InstanceId;

  /** `keeper` is the component that has the secrets. */
  constructor(component: Component, keys: ComponentKeys['sealing'], keeper: InstanceId) {
    this.#component = component;
    this.#keys = keys;
    this.#keeper = keeper;
  }

  async ask(name: SecretName, options: RequestOptions): Promise<Uint8Array> {
    const answer = secretAnswer.safeParse(await this.#component.request(this.#keeper, 'secret', { name }, options));
    if (!answer.success) throw new HubError('malformed', 'not an answer to a request for a secret');
    return openSealed(this.#keys, PURPOSES[name], fromBase64(answer.data.sealed));
  }
}

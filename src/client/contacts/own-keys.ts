/**
 * What the own home says of this person to others: the log of its keys, beside the chain that this person's devices signed.
 * A version that none of them made is an alarm: somebody was to be given another key. So is one of ours that others are not
 * to see. Nothing stops for it here, since this device knows its own keys.
 */
import type { AccountDocument, Address } from '../../protocol/index.ts';
import type { Alarms } from '../alarms.ts';
import type { NodeConnection } from '../connection/index.ts';
import { CHAIN_RACES_MAX } from '../limits.ts';
import type { Contacts } from './contacts.ts';
import type { HomePin } from './home-pin.ts';
import type { AskOptions } from './home-pins.ts';
import type { KeyLogs } from './key-logs.ts';

export interface OwnKeysDeps {
  readonly alarms: Pick<Alarms, 'raise' | 'clear'>;
  readonly contacts: Contacts;
  readonly home: HomePin;
  readonly keyLogs: KeyLogs;
}

export class OwnKeys {
  readonly #deps: OwnKeysDeps;
  readonly #own: Address;

  constructor(deps: OwnKeysDeps, options: { readonly own: Address }) {
    this.#deps = deps;
    this.#own = options.own;
  }

  /** Throws ConnectionError. */
  async check(connection: NodeConnection, options: AskOptions): Promise<void> {
    const { alarms, contacts, home, keyLogs } = this.#deps;
    for (let tries = 1; ; tries++) {
      await contacts.lookUp(connection, this.#own, options);
      const contact = await contacts.find(this.#own);
      if (contact === undefined) return;
      if ((await keyLogs.follow(connection, home, options)) !== 'followed') return;
      const foreign = await this.#foreignTo(contact.chain);
      // A newer version may be another device's, logged since we looked at the chain.
      if (foreign !== undefined && foreign > contact.document.version && tries < CHAIN_RACES_MAX) continue;
      if (foreign !== undefined) {
        const detail = `the home logged a version ${foreign} of your account that none of your devices signed`;
        await alarms.raise({ code: 'foreign_key_logged', subject: this.#own, detail, node: options.node });
      }
      if (await keyLogs.isLogged(home, contact.document)) await alarms.clear(['key_not_logged'], this.#own);
      else {
        const detail = `the home did not log version ${contact.document.version} of your account: others cannot check it`;
        await alarms.raise({ code: 'key_not_logged', subject: this.#own, detail, node: options.node });
      }
      return;
    }
  }

  /** The first version in the log that is not of this chain. */
  async #foreignTo(chain: readonly AccountDocument[]): Promise<number | undefined> {
    const own = new Map(chain.map(({ signed, version }) => [version, signed.hash]));
    const versions = await this.#deps.keyLogs.versions(this.#deps.home, this.#own);
    return versions.find(({ documents, version }) => documents.some((hash) => hash !== own.get(version)))?.version;
  }
}

/** For whom mail is taken: accounts of this home that can have it, and nobody else. */
import type { Doorway } from '../node/index.ts';
import { type Address, type HomeName, isAddress } from '../protocol/index.ts';
import { REFUSALS, type Refusal } from './reply.ts';

export interface RecipientsDeps {
  readonly doorway: () => Pick<Doorway, 'admits'>;
}

export interface RecipientsOptions {
  readonly home: HomeName;
  /** As other mail servers know the home. */
  readonly domain: string;
}

export class Recipients {
  readonly #deps: RecipientsDeps;
  readonly #options: RecipientsOptions;

  constructor(deps: RecipientsDeps, options: RecipientsOptions) {
    this.#deps = deps;
    this.#options = options;
  }

  /** Undefined: a message of that size may be sent to the address. */
  async judge(text: string, sizeBytes: number): Promise<Refusal | undefined> {
    if (!isPostmaster(text) && domainOf(text) !== this.#options.domain) return REFUSALS.notForUs;
    const address = this.localAddress(text);
    if (address === undefined) return REFUSALS.nobody;
    const admission = await this.#deps.doorway().admits(address, sizeBytes);
    if (admission === 'unknown_recipient') return REFUSALS.nobody;
    if (admission === 'uncertain') return REFUSALS.uncertain;
    if (admission === 'no_room') return REFUSALS.noRoom;
    return admission === 'over_quota' ? REFUSALS.full : undefined;
  }

  /** Undefined for what is no address of a person: quoted local parts, source routes. */
  localAddress(text: string): Address | undefined {
    const localPart = isPostmaster(text) ? text : text.slice(0, text.lastIndexOf('@'));
    const address = `${localPart.toLowerCase()}@${this.#options.home}`;
    return isAddress(address) ? address : undefined;
  }
}

/** The one address that needs no domain (RFC 5321, 4.1.1.3). */
function isPostmaster(text: string): boolean {
  return text.toLowerCase() === 'postmaster';
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf('@') + 1).toLowerCase();
}

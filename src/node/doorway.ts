/**
 * What a door to the world's mail is given of a node: who lives here, and the same way in that people's devices have. A door
 * signs what it brings with the device of an account of its own, so that the log holds nothing but signed PDUs.
 */
import type { Admission } from '../federation/index.ts';
import type { Address } from '../protocol/index.ts';
import type { Store } from '../store/index.ts';
import type { Accounts, ChainResult } from './accounts.ts';
import type { Blobs, Piece } from './blobs.ts';
import type { Intake } from './intake.ts';
import type { HomePeople } from './local-people.ts';
import type { Room } from './room.ts';
import type { Submission } from './submission.ts';

export interface DoorwayDeps {
  readonly accounts: Accounts;
  readonly blobs: Blobs;
  readonly chains: { registerDoor(document: Uint8Array, vault: Uint8Array): Promise<ChainResult> };
  readonly intake: Intake;
  readonly people: HomePeople;
  readonly room: Pick<Room, 'isLow'>;
  readonly store: Store;
}

export class Doorway {
  readonly #deps: DoorwayDeps;

  constructor(deps: DoorwayDeps) {
    this.#deps = deps;
  }

  /** Where a door keeps what it has to keep: rows whose keys begin with `O`. */
  get store(): Store {
    return this.#deps.store;
  }

  /** Whether this machine's disk has room for mail of its people. */
  get hasRoom(): boolean {
    return !this.#deps.room.isLow;
  }

  /** Whether mail of this size would be taken for an address of this home. */
  async admits(address: Address, sizeBytes: number): Promise<Admission | 'no_room'> {
    if (this.#deps.room.isLow) return 'no_room';
    const [admission = 'unknown_recipient'] = await this.#deps.people.admit([{ address, sizeBytes }]);
    return admission;
  }

  /** What mail to the account is encrypted to; undefined: there is no such account any more, or never was. */
  certificate(address: Address): Promise<Uint8Array | undefined> {
    return this.#deps.accounts.certificate(address);
  }

  async hasAccount(address: Address): Promise<boolean> {
    return (await this.#deps.accounts.find(address)) !== undefined;
  }

  /** Version 1 of a door's own account; the operator's will, whatever registration is for others. */
  register(document: Uint8Array, vault: Uint8Array): Promise<ChainResult> {
    return this.#deps.chains.registerDoor(document, vault);
  }

  /** A piece of what goes beside a mail, whose recipients were asked for room before. Resolves as `submit`. */
  bring(door: Address, piece: Piece): Promise<Submission> {
    return this.#deps.blobs.take(door, piece);
  }

  /** As a device of `door` would submit it. Resolves when it is on disk, or with why it is not. */
  submit(door: Address, header: Uint8Array, body: Uint8Array): Promise<Submission> {
    return this.#deps.intake.submit({ address: door }, header, body);
  }
}

/**
 * A real SMTP door before a node that says what it is told to, in this process and without a disk: what it takes is kept here, and
 * opens by a key that everybody has.
 */
import { Registry } from 'prom-client';
import { SILENT_LOG } from '../../src/base/index.ts';
import { SodiumSuite, SystemClock, SystemRandom } from '../../src/base/system/index.ts';
import type { Admission } from '../../src/federation/index.ts';
import type { Piece, Submission } from '../../src/node/index.ts';
import {
  type Address,
  deviceIdOf,
  doorAddressOf,
  type FeedId,
  type Pdu,
  parseHomeName,
  parsePdu,
} from '../../src/protocol/index.ts';
import { SmtpDoor, type SmtpDoorOptions } from '../../src/smtp-door/index.ts';
import { createAccountSecrets, openBody } from '../../src/vault/index.ts';
import { ZoneDns } from './zone-dns.ts';

const MiB = 1024 * 1024;
const HOME = parseHomeName('home.example');
const suite = new SodiumSuite();
const random = new SystemRandom();
const clock = new SystemClock();
const device = suite.keyPair(random.bytes(32));
/** Of every such door. */
export const DOOR_KEYS = { address: doorAddressOf(HOME, deviceIdOf(suite, device.publicKey)), device };
/** Everybody's, since making them takes its time. */
const secrets = await createAccountSecrets({ suite, random }, { address: DOOR_KEYS.address, createdAt: clock.now() });
const STORED: Submission = { status: 'ok', feed: 'f'.repeat(64) as FeedId, index: 0, receivedAt: 0 };

export interface Taken {
  readonly door: Address;
  readonly pdu: Pdu;
  readonly body: Uint8Array;
}

export interface MemoryDoorOptions {
  /** By the local part of the address, one after another; then everything is stored. */
  readonly answers?: Readonly<Record<string, Submission[]>>;
  readonly beforeAnswer?: () => Promise<void>;
  readonly tls?: SmtpDoorOptions['tls'];
}

export class MemoryDoor implements AsyncDisposable {
  readonly door: SmtpDoor;
  readonly taken: readonly Taken[];
  readonly pieces: readonly Piece[];
  readonly registry: Registry;
  /** From now on whoever has this local part has no room … */
  readonly fill: (localPart: string) => void;
  /** … until now. */
  readonly empty: () => void;

  private constructor(parts: Pick<MemoryDoor, 'door' | 'taken' | 'pieces' | 'registry' | 'fill' | 'empty'>) {
    this.door = parts.door;
    this.taken = parts.taken;
    this.pieces = parts.pieces;
    this.registry = parts.registry;
    this.fill = parts.fill;
    this.empty = parts.empty;
  }

  static async open(options: MemoryDoorOptions = {}): Promise<MemoryDoor> {
    const { answers = {}, beforeAnswer = async () => undefined, tls } = options;
    const [taken, pieces]: [Taken[], Piece[]] = [[], []];
    const full = new Set(['full']);
    const doorway = {
      admits: async (address: Address): Promise<Admission> => {
        if (address.startsWith('nobody')) return 'unknown_recipient';
        if (address.startsWith('perhaps')) return 'uncertain';
        return full.has(address.slice(0, address.indexOf('@'))) ? 'over_quota' : 'ok';
      },
      certificate: async () => secrets.certificate,
      bring: async (_door: Address, piece: Piece): Promise<Submission> => {
        pieces.push(piece);
        return STORED;
      },
      submit: async (door: Address, header: Uint8Array, body: Uint8Array): Promise<Submission> => {
        await beforeAnswer();
        const pdu = parsePdu(suite, header);
        const [recipient = ''] = pdu.recipients;
        const answer = answers[recipient.slice(0, recipient.indexOf('@'))]?.shift() ?? STORED;
        if (answer.status === 'ok') taken.push({ door, pdu, body });
        return answer;
      },
    };
    const registry = new Registry();
    const deps = { clock, random, suite, log: SILENT_LOG, dns: new ZoneDns(), filter: undefined, registry };
    const door = await SmtpDoor.open(
      { ...deps, doorway: () => doorway },
      {
        ...{ home: HOME, keys: DOOR_KEYS, host: '127.0.0.1', port: 0, tls },
        ...{ dmarc: 'obey', sizeBytesMax: 8 * MiB, isGreylisting: true, believesXclient: false },
      },
    );
    const fill = (localPart: string): void => {
      full.add(localPart);
    };
    const empty = (): void => full.clear();
    return new MemoryDoor({ door, taken, pieces, registry, fill, empty });
  }

  /** Of what was taken, one after another. */
  get recipients(): readonly (string | undefined)[] {
    return this.taken.map(({ pdu }) => pdu.recipients[0]);
  }

  /** As the recipient opens it. */
  opened({ body, pdu }: Taken): ReturnType<typeof openBody> {
    return openBody({ body, secrets, binding: pdu, signers: [] });
  }

  /** The texts of all that was taken. */
  async texts(): Promise<readonly string[]> {
    const opened = await Promise.all(this.taken.map((each) => this.opened(each)));
    return opened.map(({ mime }) => Buffer.from(mime).toString('latin1'));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.door[Symbol.asyncDispose]();
  }
}

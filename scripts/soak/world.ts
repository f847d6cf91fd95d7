/**
 * The world of a soak: two homes of two nodes, one with its rows in SQLite and one in PostgreSQL, two hub hosts on a RabbitMQ, a
 * Dovecot, and people. All are real processes, on free ports, in the soak's folder.
 */
import type { HubTarget } from '../../src/hub-client/index.ts';
import type { Address } from '../../src/protocol/index.ts';
import { Dovecot } from '../../test/harness/dovecot.ts';
import { LiveFleet } from '../../test/harness/live-fleet.ts';
import { Postgres } from '../../test/harness/postgres.ts';
import { Rabbit } from '../../test/harness/rabbitmq.ts';
import { Breaches } from './breaches.ts';
import { Canary } from './canary.ts';
import { Device } from './device.ts';
import { Hubs } from './hubs.ts';
import { ImapSide } from './imap-side.ts';
import { MailBook } from './mail-book.ts';
import { HOMES, HOSTS, type HomeName, NODES } from './places.ts';
import { Prober } from './prober.ts';
import { Session } from './session.ts';
import { Sweeper } from './sweeper.ts';

/** Of each home: people, and what they call their devices. */
export type People = Readonly<Record<HomeName, Readonly<Record<string, readonly string[]>>>>;
export const EVERYBODY: People = {
  north: { ada: ['laptop', 'phone'], ben: ['laptop'], cleo: ['laptop'] },
  south: { dora: ['laptop', 'phone'], emil: ['laptop'], fay: ['laptop'] },
};
/** An account takes a password's worth of processor. */
export const FEW: People = { north: { ada: ['laptop', 'phone'] }, south: { dora: ['laptop'] } };
/** Acknowledged is what is on both disks of a home: then one may be lost. */
const DURABILITY = ['--durability', '2'];

interface Services {
  readonly postgres: Postgres;
  readonly rabbit: Rabbit;
  readonly dovecot: Dovecot;
  readonly homes: Readonly<Record<HomeName, LiveFleet>>;
  readonly hubs: Hubs;
}

export class World implements AsyncDisposable, Services {
  readonly canary: Canary;
  readonly breaches: Breaches;
  readonly book: MailBook;
  readonly folder: string;
  readonly devices: Device[] = [];
  readonly sessions: Session[] = [];
  readonly probers = new Map<HomeName, Prober>();
  readonly postgres: Postgres;
  readonly rabbit: Rabbit;
  readonly dovecot: Dovecot;
  readonly homes: Readonly<Record<HomeName, LiveFleet>>;
  readonly hubs: Hubs;
  imap: ImapSide | undefined;
  readonly #sweeper: Sweeper;

  private constructor(sweeper: Sweeper, canary: Canary, services: Services, onBreach: (what: string) => void) {
    this.#sweeper = sweeper;
    this.folder = sweeper.folder;
    this.canary = canary;
    this.breaches = new Breaches(onBreach);
    this.book = new MailBook(this.breaches);
    this.postgres = services.postgres;
    this.rabbit = services.rabbit;
    this.dovecot = services.dovecot;
    this.homes = services.homes;
    this.hubs = services.hubs;
  }

  static async open(people: People, onBreach: (what: string) => void): Promise<World> {
    const sweeper = await Sweeper.open();
    try {
      const canary = new Canary();
      const world = new World(sweeper, canary, await openServices(canary), onBreach);
      await world.#openPeople(people);
      return world;
    } catch (error) {
      await sweeper.sweep();
      throw error;
    }
  }

  /** Everybody leaves, and nothing runs any more; what is on disk stays until `close`. */
  async stop(): Promise<void> {
    for (const session of this.sessions.splice(0)) await session[Symbol.asyncDispose]();
    for (const device of this.devices) await device[Symbol.asyncDispose]();
    await this.hubs[Symbol.asyncDispose]();
    for (const fleet of Object.values(this.homes)) for (const { name } of fleet.running) await fleet.stop(name);
    await this.rabbit.kill();
    await this.postgres.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.stop();
      for (const part of [...Object.values(this.homes), this.dovecot, this.rabbit, this.postgres])
        await part[Symbol.asyncDispose]();
    } finally {
      await this.#sweeper.sweep();
    }
  }

  async #openPeople(people: People): Promise<void> {
    for (const home of HOMES) {
      const fleet = this.homes[home];
      this.probers.set(home, await Prober.open(fleet));
      for (const [person, names] of Object.entries(people[home])) {
        const address = `${person}@${fleet.home}` as Address;
        const nodeUrl = `ws://127.0.0.1:${fleet.node('a').proxy.port}/client`;
        for (const [at, device] of names.entries()) {
          const open = at === 0 ? Device.create : Device.join;
          this.devices.push(await open({ address, device, nodeUrl, canary: this.canary, book: this.book }));
        }
      }
    }
    await this.#openSessions(Object.keys(people.north));
  }

  /** The program of one person asks the broker where that is, that of another comes in at a host. */
  async #openSessions(people: readonly string[]): Promise<void> {
    const { canary, dovecot, homes, hubs, rabbit } = this;
    const [host] = HOSTS;
    const targets = [{ amqp: rabbit.url }, { host: '127.0.0.1', port: hubs.portOf(host) }];
    for (const [at, person] of people.slice(0, targets.length).entries())
      this.sessions.push(
        await Session.open(targets[at] as HubTarget, `${person}@${homes.north.home}` as Address, this),
      );
    const [session] = this.sessions as [Session];
    this.imap = await ImapSide.open({ dovecot, canary, session }, `http://127.0.0.1:${hubs.portOf(host)}`);
  }
}

async function openServices(canary: Canary): Promise<Services> {
  const [postgres, rabbit, dovecot] = await Promise.all([
    Postgres.open(),
    Rabbit.open(),
    Dovecot.open({ password: canary.imapPassword }),
  ]);
  const [north, south] = await Promise.all([
    LiveFleet.open(NODES, DURABILITY, { smallDisks: ['b'] }),
    LiveFleet.open(NODES, DURABILITY, { database: postgres.url }),
  ]);
  const nodeUrl = `ws://127.0.0.1:${north.node('a').proxy.port}/client`;
  const hubs = await Hubs.open(HOSTS, { amqp: rabbit.url, nodeUrl });
  return { postgres, rabbit, dovecot, homes: { north, south }, hubs };
}

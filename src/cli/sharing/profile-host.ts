/**
 * A profile is one process's at a time. Whoever has it serves the others meanwhile: a second command proves that it can
 * unlock the profile, hands over its arguments, and runs here, on the same client, with its own terminal. So two views of
 * one mailbox never exist side by side, and `sync --watch` keeps nobody waiting.
 *
 * When the command that has the profile is done, it waits for the others, except for those that run until they are stopped:
 * these go on in their own process.
 */
import { chmod, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { type CryptoSuite, type Log, Scope, type SecureRandom, toHex, whenAborted } from '../../base/index.ts';
import { CliError } from '../cli-error.ts';
import type { Person, RunCommand } from '../context.ts';
import type { Interruption } from '../interruption.ts';
import { NONCE_BYTES } from '../limits.ts';
import { Channel, type FromGuest, type FromHost } from './channel.ts';
import { isProof, meetingPlace } from './meeting.ts';
import { RemoteTerminal } from './remote-terminal.ts';

export interface ProfileHostDeps {
  readonly suite: CryptoSuite;
  readonly random: SecureRandom;
  readonly log: Log;
  readonly run: RunCommand;
}

type RunRequest = Extract<FromGuest, { type: 'run' }>;

export class ProfileHost implements AsyncDisposable {
  readonly #deps: ProfileHostDeps;
  readonly #person: Person;
  readonly #server = createServer();
  readonly #scope: Scope;
  readonly #guests = new Set<GuestInterruption>();
  readonly #waiting = new Set<Socket>();
  #path: string | undefined;

  private constructor(deps: ProfileHostDeps, person: Person) {
    this.#deps = deps;
    this.#person = person;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a command of another process failed'));
  }

  /** `signal`: the command that has the profile is stopped, and with it those that run here. */
  static async open(deps: ProfileHostDeps, person: Person, signal: AbortSignal): Promise<ProfileHost> {
    const host = new ProfileHost(deps, person);
    const path = meetingPlace(person.profile.folder);
    if (path !== undefined) await host.#listen(path);
    whenAborted(signal, () => host.#interrupt());
    return host;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#path === undefined ? Promise.resolve() : closeServer(this.#server);
    for (const socket of this.#waiting) socket.destroy();
    for (const guest of this.#guests) guest.letGo();
    while (this.#guests.size > 0) await Promise.all([...this.#guests].map(({ ended }) => ended));
    await this.#scope[Symbol.asyncDispose]();
    await closed;
    if (this.#path !== undefined) await rm(this.#path, { force: true });
  }

  async #listen(path: string): Promise<void> {
    // One that a killed process left is dead: the store's lock has told that nobody else has the profile.
    await rm(path, { force: true });
    const server = this.#server;
    server.on('connection', (socket) => {
      this.#waiting.add(socket);
      socket.once('close', () => this.#waiting.delete(socket));
      this.#scope.spawn('guest', () => this.#serve(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
    await chmod(path, 0o600);
    this.#path = path;
  }

  #interrupt(): void {
    for (const guest of this.#guests) {
      if (guest.isExpected) guest.letGo();
      else guest.interrupt();
    }
  }

  async #serve(socket: Socket): Promise<void> {
    const { random, suite } = this.#deps;
    const channel = new Channel<FromGuest, FromHost>(socket);
    const nonce = toHex(random.bytes(NONCE_BYTES));
    await channel.send({ type: 'hello', nonce });
    const messages = channel.messages();
    const { value: first } = await messages.next();
    this.#waiting.delete(socket);
    // Who was sent away meanwhile does it elsewhere.
    if (socket.destroyed) return;
    if (first?.type === 'run' && isProof(suite, this.#person.profileKey, nonce, first.proof))
      await this.#runGuest(channel, messages, first);
    channel.end();
  }

  async #runGuest(
    channel: Channel<FromGuest, FromHost>,
    messages: AsyncIterable<FromGuest>,
    { args, workingFolder, terminal: facts }: RunRequest,
  ): Promise<void> {
    using guest = new GuestInterruption();
    const terminal = new RemoteTerminal(channel, facts);
    this.#scope.spawn('guest input', async () => {
      for await (const message of messages) {
        if (message.type === 'interrupt') guest.interrupt();
        else terminal.take(message);
      }
      guest.interrupt(); // it ended, or was killed
      terminal.gone();
    });
    this.#guests.add(guest);
    try {
      await channel.send({ type: 'begun' });
      const shared = { person: this.#person, questions: terminal, workingFolder };
      const code = await this.#deps.run(args, terminal.streams, guest, shared);
      await terminal.flush();
      await channel.send(guest.isLetGo ? { type: 'moved' } : { type: 'ended', code });
    } finally {
      this.#guests.delete(guest);
    }
  }
}

/** How a command is stopped that runs in another's process. */
class GuestInterruption implements Interruption {
  readonly ended: Promise<void>;
  readonly #controller = new AbortController();
  #end: () => void = () => undefined;
  #isExpected = false;
  #isLetGo = false;

  constructor() {
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get isExpected(): boolean {
    return this.#isExpected;
  }

  get isLetGo(): boolean {
    return this.#isLetGo;
  }

  expectEnd(): void {
    this.#isExpected = true;
  }

  interrupt(): void {
    this.#controller.abort(
      new CliError('interrupted', 'stopped before the end', { fix: 'The same command goes on from here.' }),
    );
  }

  /** One that runs until it is stopped goes on elsewhere. Any other is waited for. */
  letGo(): void {
    if (!this.#isExpected || this.signal.aborted) return;
    this.#isLetGo = true;
    this.interrupt();
  }

  [Symbol.dispose](): void {
    this.#end();
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/**
 * The bus across hosts, on RabbitMQ. A name is an exclusive queue: the broker gives it to one connection at a time and takes
 * it back when that ends. What is sent to a name is confirmed by the broker, or comes back because nobody has it. One object
 * is one connection: when it ends, every name is lost, and whoever wants to go on opens another.
 */
import { once } from 'node:events';
import { type Channel, type ChannelModel, type ConfirmChannel, connect, type Message } from 'amqplib';
import type { Log, SecureRandom } from '../../../base/index.ts';
import { closed, toHex } from '../../../base/index.ts';
import { HubError } from '../../hub-error.ts';
import type { Bus, Place } from '../bus.ts';
import { CONNECT_TIMEOUT_MS, HEARTBEAT_SECONDS } from '../limits.ts';

type Receive = (message: Uint8Array) => void;

const QUEUE_PREFIX = 'restante.bus.';
const EVENTS = 'restante.events';
/** AMQP 0-9-1's reply codes. */
const ACCESS_DENIED = [405, 403];
const NOT_FOUND = 404;

interface Consumed {
  /** Of events; its queue has a name that the broker makes. */
  readonly topic?: string;
  /** Aborted when we give the queue back ourselves. */
  readonly left?: AbortSignal;
}

interface Sending {
  readonly reject: (error: Error) => void;
}

export class AmqpBus implements Bus {
  readonly #model: ChannelModel;
  readonly #log: Log;
  readonly #random: SecureRandom;
  readonly #closed = new AbortController();
  readonly #names = new Set<string>();
  readonly #sending = new Map<string, Sending>();
  #out: ConfirmChannel | undefined;

  private constructor(model: ChannelModel, deps: { readonly log: Log; readonly random: SecureRandom }) {
    this.#model = model;
    this.#log = deps.log;
    this.#random = deps.random;
    model.on('error', (error) => this.#log.warn({ error: error.message }, 'the connection to the broker failed'));
    model.on('close', () => this.#end());
  }

  /** Throws HubError `absent` when no broker answers, or refuses us. */
  static async open(deps: { readonly log: Log; readonly random: SecureRandom }, url: string): Promise<AmqpBus> {
    const at = new URL(url);
    at.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
    const model = await connect(at.href, { timeout: CONNECT_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new HubError('absent', 'no broker answers there, or it refuses us', { cause, retry: 'later' });
    });
    const bus = new AmqpBus(model, deps);
    try {
      const out = await model.createConfirmChannel();
      out.on('error', (error) => deps.log.warn({ error: (error as Error).message }, 'a channel of the broker failed'));
      out.on('return', (message: Message) => bus.#comesBack(message));
      await out.assertExchange(EVENTS, 'direct', { durable: false });
      bus.#out = out;
      return bus;
    } catch (error) {
      await bus[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Aborted when the connection has ended. */
  get lost(): AbortSignal {
    return this.#closed.signal;
  }

  async join(name: string, receive: Receive): Promise<Place> {
    this.#checkOpen();
    // The broker would let the same connection declare it twice.
    if (this.#names.has(name)) throw new HubError('busy', 'the name is taken', { details: { name } });
    this.#names.add(name);
    const left = new AbortController();
    let channel: Channel;
    try {
      channel = await this.#consume(QUEUE_PREFIX + name, receive, { left: left.signal });
    } catch (error) {
      this.#names.delete(name);
      throw error;
    }
    return {
      name,
      lost: AbortSignal.any([left.signal, this.#closed.signal]),
      [Symbol.asyncDispose]: async () => {
        if (left.signal.aborted || this.#closed.signal.aborted) return;
        left.abort();
        await this.#quietly(async () => {
          await channel.deleteQueue(QUEUE_PREFIX + name);
          await closed(channel);
        });
        this.#names.delete(name);
      },
    };
  }

  async send(to: string, message: Uint8Array): Promise<void> {
    const messageId = toHex(this.#random.bytes(8));
    await this.#publish('', QUEUE_PREFIX + to, message, { mandatory: true, messageId });
  }

  async publish(topic: string, message: Uint8Array): Promise<void> {
    await this.#publish(EVENTS, topic, message, { messageId: toHex(this.#random.bytes(8)) });
  }

  async listen(topic: string, receive: Receive): Promise<AsyncDisposable> {
    this.#checkOpen();
    const channel = await this.#consume('', receive, { topic });
    return { [Symbol.asyncDispose]: () => this.#quietly(() => closed(channel)) };
  }

  async isPresent(name: string): Promise<boolean> {
    const channel = await this.#openChannel();
    try {
      await channel.checkQueue(QUEUE_PREFIX + name);
      await closed(channel);
      return true;
    } catch (error) {
      const { code } = error as { readonly code?: number };
      if (code === NOT_FOUND) return false;
      // Another connection's own: it is there.
      if (ACCESS_DENIED.includes(code ?? 0)) return true;
      throw this.#asHubError(error);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed.signal.aborted) return;
    this.#end();
    await this.#quietly(() => closed(this.#model));
  }

  /** A queue of our own and its consumer, on a channel of their own: an error on it harms nobody else. */
  async #consume(queue: string, receive: Receive, { left, topic }: Consumed): Promise<Channel> {
    const channel = await this.#openChannel();
    try {
      const declared = await channel.assertQueue(queue, { exclusive: true, autoDelete: true, durable: false });
      if (topic !== undefined) await channel.bindQueue(declared.queue, EVENTS, topic);
      const take = (message: Message | null): void => {
        if (message !== null) this.#deliver(message, receive);
        else if (left?.aborted !== true) this.#cancelled(declared.queue);
      };
      await channel.consume(declared.queue, take, { noAck: true });
      return channel;
    } catch (error) {
      if (ACCESS_DENIED.includes((error as { readonly code?: number }).code ?? 0))
        throw new HubError('busy', 'the name is taken', { details: { queue } });
      throw this.#asHubError(error);
    }
  }

  async #openChannel(): Promise<Channel> {
    this.#checkOpen();
    try {
      const channel = await this.#model.createChannel();
      // What failed is told to whoever called.
      channel.on('error', (error: Error) => this.#log.debug({ error: error.message }, 'a channel of the broker ended'));
      return channel;
    } catch (error) {
      throw this.#asHubError(error);
    }
  }

  /** The broker has taken a queue away that we did not leave. Who is deaf has lost everything: it opens another connection. */
  #cancelled(queue: string): void {
    if (this.#closed.signal.aborted) return;
    this.#log.warn({ queue }, 'the broker has taken a queue away: this connection to it ends');
    void this[Symbol.asyncDispose]();
  }

  #deliver(message: Message, receive: Receive): void {
    try {
      receive(message.content);
    } catch (error) {
      this.#log.error({ error }, 'a receiver of the bus failed');
    }
  }

  async #publish(
    exchange: string,
    key: string,
    message: Uint8Array,
    options: { readonly mandatory?: boolean; readonly messageId: string },
  ): Promise<void> {
    this.#checkOpen();
    const out = this.#out as ConfirmChannel;
    const { messageId } = options;
    await new Promise<void>((resolve, reject) => {
      const finish = (act: () => void): void => {
        this.#sending.delete(messageId);
        act();
      };
      this.#sending.set(messageId, { reject: (error) => finish(() => reject(error)) });
      try {
        out.publish(exchange, key, Buffer.from(message), options, (error) => {
          finish(() => (error ? reject(this.#asHubError(error)) : resolve()));
        });
      } catch (error) {
        finish(() => reject(this.#asHubError(error)));
      }
    });
  }

  /** Before its confirmation: nobody has the name. */
  #comesBack({ properties }: Message): void {
    const { messageId } = properties as { readonly messageId?: string };
    this.#sending.get(messageId ?? '')?.reject(new HubError('absent', 'nobody on the bus has that name'));
  }

  #end(): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    for (const { reject } of [...this.#sending.values()]) reject(new HubError('closed', 'the broker has gone'));
  }

  async #quietly(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#log.debug({ error: (error as Error).message }, 'the broker was gone already');
    }
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new HubError('closed', 'the connection to the broker has ended');
  }

  #asHubError(cause: unknown): HubError {
    return cause instanceof HubError ? cause : new HubError('closed', 'the broker has gone', { cause, retry: 'later' });
  }
}

/** Resolves when the connection has ended. */
export async function whenLost(bus: { readonly lost: AbortSignal }, signal: AbortSignal): Promise<void> {
  if (bus.lost.aborted) return;
  await once(bus.lost, 'abort', { signal });
}

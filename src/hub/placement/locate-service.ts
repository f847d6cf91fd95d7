/**
 * Answers programs that ask the broker where somebody is (docs/protocol/hub.md, AMQP). All hosts with room take questions
 * from one queue; an answer goes back the way that RabbitMQ keeps for it. A connection of its own, since what comes in here
 * comes from outside.
 */
import { setMaxListeners } from 'node:events';
import { type ChannelModel, type ConsumeMessage, connect } from 'amqplib';
import { z } from 'zod';
import { type Clock, closed, isAbort, type Log, Scope, whenAborted } from '../../base/index.ts';
import { LOCATE_QUEUE } from '../../hub-client/index.ts';
import { type Address, isAddress } from '../../protocol/index.ts';
import { CONNECT_TIMEOUT_MS, HEARTBEAT_SECONDS } from '../bus/limits.ts';
import { HubError } from '../hub-error.ts';
import { BROKER_RETRY_MAX_MS, LOCATE_AT_ONCE, PLACEMENT_MESSAGE_BYTES_MAX } from './limits.ts';
import type { Placement } from './placement.ts';

const schema = z.object({ user: z.string().refine(isAddress) });

export class LocateService implements AsyncDisposable {
  readonly #log: Log;
  readonly #placement: Placement;
  readonly #scope: Scope;

  constructor(deps: { readonly clock: Clock; readonly log: Log; readonly placement: Placement }, url: string) {
    this.#log = deps.log;
    this.#placement = deps.placement;
    this.#scope = new Scope((task, error) => deps.log.error({ error, task }, 'a task of the locate service failed'));
    // One listener for each question that is worked on.
    setMaxListeners(0, this.#scope.signal);
    this.#scope.spawn('locate', async (signal) => {
      for (;;) {
        try {
          await this.#serve(url, signal);
        } catch (error) {
          if (isAbort(error, signal)) throw error;
          this.#log.debug({ error: (error as Error).message }, 'the broker does not answer');
        }
        await deps.clock.sleep(BROKER_RETRY_MAX_MS, signal);
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  async #serve(url: string, signal: AbortSignal): Promise<void> {
    const at = new URL(url);
    at.searchParams.set('heartbeat', String(HEARTBEAT_SECONDS));
    const model = await connect(at.href, { timeout: CONNECT_TIMEOUT_MS });
    try {
      await this.#answerOn(model, signal);
    } finally {
      // It may have ended by itself.
      await closed(model).catch(() => undefined);
    }
  }

  async #answerOn(model: ChannelModel, signal: AbortSignal): Promise<void> {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve, reject) => {
      end = resolve;
      model.on('error', reject);
      model.once('close', () => resolve());
      whenAborted(signal, () => reject(signal.reason));
    });
    ended.catch(() => undefined); // awaited below, when all is set up
    const channel = await model.createChannel();
    channel.on('error', (error: Error) => this.#log.debug({ error: error.message }, 'a channel of the broker ended'));
    channel.once('close', end);
    await channel.assertQueue(LOCATE_QUEUE, { durable: false, exclusive: false, autoDelete: true });
    await channel.prefetch(LOCATE_AT_ONCE);
    await channel.consume(LOCATE_QUEUE, (message) => {
      if (message === null) return end(); // the broker has taken the queue away: who asks would not be heard
      this.#scope.spawn('answer', async (inTime) => {
        const answer = await this.#answer(message, inTime);
        const { correlationId, replyTo } = message.properties as { correlationId?: string; replyTo?: string };
        const about = correlationId === undefined ? {} : { correlationId };
        try {
          if (replyTo !== undefined) channel.publish('', replyTo, Buffer.from(JSON.stringify(answer)), about);
          channel.ack(message);
        } catch (error) {
          // The broker, or this host, has ended the connection meanwhile; another host gets the question.
          this.#log.debug({ error }, 'a question cannot be answered any more');
        }
      });
    });
    await ended;
  }

  async #answer({ content }: ConsumeMessage, signal: AbortSignal): Promise<object> {
    try {
      const user = parseQuestion(content);
      return (await this.#placement.locate(user, signal)) ?? this.#placement.location;
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      return { error: { code: error.code, message: error.message } };
    }
  }
}

function parseQuestion(content: Uint8Array): Address {
  try {
    if (content.length > PLACEMENT_MESSAGE_BYTES_MAX) throw new HubError('too_large', 'a question is short');
    return schema.parse(JSON.parse(Buffer.from(content).toString('utf8'))).user;
  } catch (cause) {
    throw new HubError('malformed', 'ask like {"user":"alice@home.example"}', { cause });
  }
}

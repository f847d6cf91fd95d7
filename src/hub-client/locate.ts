/**
 * Asks the broker which host has a user, or takes them: one request, one answer (docs/protocol/hub.md, AMQP). No credential
 * goes to the broker: it is for the host alone, over TLS.
 */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Clock, closed, whenAborted, withDeadline } from '../base/index.ts';
import { HubError, type HubErrorCode } from './hub-error.ts';
import { LOCATE_TIMEOUT_MS } from './limits.ts';

/** Hosts with room take requests from it, whoever is free first. */
export const LOCATE_QUEUE = 'restante.hub.locate';
/** RabbitMQ's way to answer without a queue for it. */
export const DIRECT_REPLY = 'amq.rabbitmq.reply-to';

export interface Location {
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

const schema = z.union([
  z.object({ host: z.string().min(1), port: z.int().min(1).max(65_535), tls: z.boolean() }),
  z.object({ error: z.object({ code: z.string(), message: z.string() }) }),
]);

/** Throws HubError `late` when no host answers, `absent` when no broker does, and what a host answers. */
export async function locate(clock: Clock, url: string, user: string, signal: AbortSignal): Promise<Location> {
  const { connect } = await import('amqplib');
  const late = (): Error => new HubError('late', 'no hub host answered in time', { retry: 'later' });
  return withDeadline(clock, LOCATE_TIMEOUT_MS, signal, late, async (inTime) => {
    const connection = await connect(url, { timeout: LOCATE_TIMEOUT_MS }).catch((cause: unknown) => {
      throw new HubError('absent', 'no broker answers there', { cause, retry: 'later' });
    });
    try {
      return await new Promise<Location>((resolve, reject) => {
        whenAborted(inTime, () => reject(inTime.reason));
        const failed = (cause: Error): void =>
          reject(new HubError('absent', 'the broker has gone', { cause, retry: 'later' }));
        connection.on('error', failed);
        ask(connection, user, resolve, reject).catch(failed);
      });
    } finally {
      // It may be closed already; that was its answer then.
      await closed(connection).catch(() => undefined);
    }
  });
}

async function ask(
  connection: Awaited<ReturnType<typeof import('amqplib')['connect']>>,
  user: string,
  resolve: (location: Location) => void,
  reject: (error: Error) => void,
): Promise<void> {
  const channel = await connection.createChannel();
  channel.on('error', reject);
  channel.on('return', () => reject(new HubError('absent', 'no hub is on this broker', { retry: 'later' })));
  await channel.consume(
    DIRECT_REPLY,
    (message) => {
      if (message === null) return;
      try {
        resolve(readAnswer(message.content));
      } catch (error) {
        reject(error as Error);
      }
    },
    { noAck: true },
  );
  channel.publish('', LOCATE_QUEUE, Buffer.from(JSON.stringify({ user })), {
    replyTo: DIRECT_REPLY,
    correlationId: randomUUID(),
    expiration: LOCATE_TIMEOUT_MS,
    mandatory: true,
  });
}

function readAnswer(content: Buffer): Location {
  const answer = schema.safeParse(JSON.parse(content.toString('utf8')));
  if (!answer.success) throw new HubError('malformed', 'a host answered what is not understood');
  if ('error' in answer.data) throw new HubError(answer.data.error.code as HubErrorCode, answer.data.error.message);
  return answer.data;
}

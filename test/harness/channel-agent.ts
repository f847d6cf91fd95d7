/** An agent behind a message channel in this thread, as a supervisor starts it: it can be gone from one moment to the next. */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import type { StartedAgent } from '../../src/hub/agents/supervisor.ts';

export interface ChannelAgent {
  readonly started: StartedAgent;
  /** As the end of a thread: the line is cut, and nothing is finished. */
  readonly crash: (reason: string) => void;
}

export function startInChannel(open: (port: MessagePort) => AsyncDisposable | Promise<AsyncDisposable>): ChannelAgent {
  const { port1, port2 } = new MessageChannel();
  const opened = open(port2);
  let end: (ended: { readonly reason: string }) => void = () => undefined;
  const ended = new Promise<{ readonly reason: string }>((resolve) => {
    end = resolve;
  });
  return {
    crash: (reason) => {
      port1.close();
      end({ reason });
    },
    started: {
      port: port1,
      ended,
      [Symbol.asyncDispose]: async () => {
        await (await opened)[Symbol.asyncDispose]();
        port1.close();
        end({ reason: 'stopped' });
      },
    },
  };
}

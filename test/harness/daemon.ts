/** Servers of others that tests start on this machine: when one takes connections, and when one is gone. */
import { connect, createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

const ATTEMPTS = 200;
const PAUSE_MS = 50;

/** Resolves when the port takes connections. */
export async function answers(port: number, name: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const connected = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      });
      socket.once('error', () => resolve(false));
    });
    if (connected) return;
    await pause(PAUSE_MS);
  }
  throw new Error(`${name} does not answer`);
}

/** Resolves when nobody listens at the port any more: of a server that was killed, a child may be the last to go. */
export async function isFree(port: number): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = createServer();
    const listened = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (listened) {
      await new Promise((resolve) => server.close(resolve));
      return;
    }
    await pause(PAUSE_MS);
  }
  throw new Error(`port ${port} is still listened at`);
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // no such process is the answer
  }
}

/** An authenticated connection as node choice sees it. */
import type { ChoiceConnection } from '../choice/index.ts';
import type { NodeConnection } from '../connection/index.ts';

export class NodeLink implements ChoiceConnection {
  /** The node's name in the directory. */
  readonly name: string;
  readonly connection: NodeConnection;
  readonly closed: Promise<{ readonly refused: boolean }>;

  constructor(name: string, connection: NodeConnection) {
    this.name = name;
    this.connection = connection;
    this.closed = connection.ended.then(({ code }) => ({ refused: code === 'refused' }));
  }

  get store(): boolean {
    return this.connection.info.store;
  }

  get heartbeatMs(): number {
    return this.connection.info.limits?.heartbeatMs ?? 0;
  }

  get heardAt(): number {
    return this.connection.heardAt;
  }

  ping(signal: AbortSignal): Promise<number> {
    return signal.aborted ? Promise.reject(signal.reason) : this.connection.ping();
  }

  close(): void {
    void this.connection[Symbol.asyncDispose]();
  }
}

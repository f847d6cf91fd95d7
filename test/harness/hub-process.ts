/** A hub host as people run it: the built command line in a process of its own, killed, drained or stopped by process id. */
import { join } from 'node:path';
import { connectOperator, OPERATOR_SOCKET } from '../../src/hub/index.ts';
import { Program } from './program.ts';

export interface HubPlace {
  /** Of this host alone. */
  readonly folder: string;
  /** Of the people, which all hosts share. */
  readonly users: string;
  readonly brokerFile: string;
  readonly nodeUrl: string;
  readonly port: number;
}

export class HubProcess {
  readonly port: number;
  readonly #folder: string;
  readonly #program: Program;

  private constructor(program: Program, { folder, port }: HubPlace) {
    this.#program = program;
    this.#folder = folder;
    this.port = port;
  }

  static async open(place: HubPlace): Promise<HubProcess> {
    const { brokerFile, folder, nodeUrl, port, users } = place;
    const where = ['--data', folder, '--users', users, '--broker-file', brokerFile, '--node', nodeUrl];
    const options = ['hub', 'run', '--json', ...where, '--port', String(port), '--log-level', 'error'];
    return new HubProcess(await Program.open(options), place);
  }

  get pid(): number {
    return this.#program.pid;
  }

  get isRunning(): boolean {
    return this.#program.isRunning;
  }

  /** What it and its user servers wrote to stderr so far. */
  get log(): string {
    return this.#program.log;
  }

  async operator(): Promise<NonNullable<Awaited<ReturnType<typeof connectOperator>>>> {
    const operator = await connectOperator(join(this.#folder, 'hub', OPERATOR_SOCKET));
    if (operator === undefined) throw new Error(`no hub runs in ${this.#folder}`);
    return operator;
  }

  /** As a power cut ends a host: its user servers end because their control server is gone. */
  kill(): Promise<void> {
    return this.#program.kill();
  }

  /** In order: its user servers write and end. */
  stop(): Promise<void> {
    return this.#program.stop();
  }
}

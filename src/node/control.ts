/**
 * The control socket: how the command line reaches a running node of a folder. Whoever may open the socket's file is the
 * operator (mode 0600 in a 0700 folder). One JSON line asks, JSON lines answer: progress, then a result or an error.
 */
import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { CodedError, type Log } from '../base/index.ts';
import { CONTROL_LINE_BYTES_MAX } from './limits.ts';
import { NodeError } from './node-error.ts';
import type { Operator } from './operator.ts';
import type { CheckOptions, CheckResult } from './view-check.ts';

type Method = keyof Operator;
const METHODS: readonly Method[] = [
  'invite',
  'accounts',
  'setQuota',
  'setBanned',
  'setRetention',
  'remove',
  'status',
  'backup',
  'restoreAccount',
  'verify',
  'repair',
  'federationStatus',
  'keyLogs',
  'federationRetry',
  'federationPull',
  'federationForget',
  'fleetStatus',
  'fleetToken',
  'fleetRemove',
  'mirrors',
  'addMirror',
  'removeMirror',
];

interface Call {
  readonly method: Method;
  readonly arguments: readonly unknown[];
}

interface Answer {
  readonly progress?: Parameters<NonNullable<CheckOptions['onProgress']>>[0];
  readonly result?: unknown;
  readonly error?: { readonly code: string; readonly message: string; readonly fix?: string };
}

export class ControlServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #path: string;

  private constructor(server: Server, path: string) {
    this.#server = server;
    this.#path = path;
  }

  static async open(operator: () => Operator, log: Log, path: string): Promise<ControlServer> {
    // A socket that a killed process left is dead: the store's lock has already told that nobody else runs here.
    await rm(path, { force: true });
    const server = createServer();
    const control = new ControlServer(server, path);
    server.on('connection', (socket) => {
      control.#sockets.add(socket);
      socket.once('close', () => control.#sockets.delete(socket));
      socket.on('error', (error) => log.debug({ error }, 'a control connection ended'));
      serve(operator, log, socket).catch((error: unknown) => log.error({ error }, 'a control call failed'));
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, () => resolve());
    });
    await chmod(path, 0o600);
    return control;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const socket of this.#sockets) socket.destroy();
    await closed;
    await rm(this.#path, { force: true });
  }
}

async function serve(operator: () => Operator, log: Log, socket: Socket): Promise<void> {
  for await (const line of createInterface({ input: socket })) {
    const answer = (value: Answer): boolean => socket.write(`${JSON.stringify(value)}\n`);
    try {
      if (line.length > CONTROL_LINE_BYTES_MAX) throw new NodeError('bad_value', 'a control call is one short line');
      const call = JSON.parse(line) as Call;
      if (!METHODS.includes(call.method)) throw new NodeError('bad_value', `no control call ${String(call.method)}`);
      answer({ result: await perform(operator(), call, (progress) => answer({ progress })) });
    } catch (error) {
      if (!(error instanceof CodedError)) log.error({ error }, 'a control call failed');
      answer({ error: describe(error) });
    }
  }
}

async function perform(
  operator: Operator,
  call: Call,
  onProgress: NonNullable<CheckOptions['onProgress']>,
): Promise<unknown> {
  const [first, second] = call.arguments;
  switch (call.method) {
    case 'invite':
    case 'accounts':
    case 'status':
    case 'keyLogs':
    case 'fleetStatus':
    case 'fleetToken':
    case 'mirrors':
      return operator[call.method]();
    case 'verify':
    case 'repair':
      return operator[call.method]({ onProgress, ...(typeof first === 'string' ? { account: first } : {}) });
    case 'backup':
      return operator.backup(String(first), typeof second === 'string' ? second : undefined);
    case 'remove':
    case 'restoreAccount':
    case 'fleetRemove':
    case 'federationForget':
    case 'addMirror':
    case 'removeMirror':
      return operator[call.method](String(first));
    case 'setBanned':
      return operator.setBanned(String(first), second === true);
    case 'setQuota':
    case 'setRetention':
      return operator[call.method](String(first), typeof second === 'number' ? second : undefined);
    case 'federationStatus':
    case 'federationRetry':
    case 'federationPull':
      return operator[call.method](typeof first === 'string' ? first : undefined);
  }
}

function describe(error: unknown): NonNullable<Answer['error']> {
  if (error instanceof CodedError)
    return { code: error.code, message: error.message, ...(error.fix === undefined ? {} : { fix: error.fix }) };
  return { code: 'failed', message: 'the node failed; its log says why' };
}

/** The operator of the node that runs in `path`'s folder; undefined when none runs there. */
export async function connectControl(path: string): Promise<(Operator & Disposable) | undefined> {
  const socket = await new Promise<Socket | undefined>((resolve) => {
    const attempt = connect(path);
    attempt.once('connect', () => resolve(attempt));
    attempt.once('error', () => resolve(undefined));
  });
  return socket === undefined ? undefined : new ControlClient(socket);
}

class ControlClient implements Operator, Disposable {
  readonly #socket: Socket;
  readonly #lines: AsyncIterator<string>;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  invite = (): Promise<string> => this.#call('invite');
  accounts: Operator['accounts'] = () => this.#call('accounts');
  setQuota: Operator['setQuota'] = (address, bytes) => this.#call('setQuota', [address, bytes]);
  setBanned: Operator['setBanned'] = (address, banned) => this.#call('setBanned', [address, banned]);
  setRetention: Operator['setRetention'] = (address, days) => this.#call('setRetention', [address, days]);
  remove: Operator['remove'] = (address) => this.#call('remove', [address]);
  status: Operator['status'] = () => this.#call('status');
  backup: Operator['backup'] = (folder, account) => this.#call('backup', [folder, account]);
  restoreAccount: Operator['restoreAccount'] = (folder) => this.#call('restoreAccount', [folder]);
  verify: Operator['verify'] = (options) => this.#check('verify', options);
  repair: Operator['repair'] = (options) => this.#check('repair', options);
  federationStatus: Operator['federationStatus'] = (home) => this.#call('federationStatus', [home]);
  keyLogs: Operator['keyLogs'] = () => this.#call('keyLogs');
  federationRetry: Operator['federationRetry'] = (home) => this.#call('federationRetry', [home]);
  federationPull: Operator['federationPull'] = (home) => this.#call('federationPull', [home]);
  federationForget: Operator['federationForget'] = (home) => this.#call('federationForget', [home]);

  fleetStatus: Operator['fleetStatus'] = () => this.#call('fleetStatus');
  fleetToken: Operator['fleetToken'] = () => this.#call('fleetToken');
  fleetRemove: Operator['fleetRemove'] = (node) => this.#call('fleetRemove', [node]);

  mirrors: Operator['mirrors'] = () => this.#call('mirrors');
  addMirror: Operator['addMirror'] = (name) => this.#call('addMirror', [name]);
  removeMirror: Operator['removeMirror'] = (name) => this.#call('removeMirror', [name]);

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  #check<Result extends CheckResult>(method: 'verify' | 'repair', options: CheckOptions = {}): Promise<Result> {
    return this.#call(method, options.account === undefined ? [] : [options.account], options);
  }

  async #call<Result>(method: Method, args: readonly unknown[] = [], options: CheckOptions = {}): Promise<Result> {
    this.#socket.write(`${JSON.stringify({ method, arguments: args })}\n`);
    for (;;) {
      const line = await this.#lines.next();
      if (line.done === true)
        throw new NodeError('stopping', 'the node stopped before it answered', { fix: 'Start it and try again.' });
      const answer = JSON.parse(line.value) as Answer;
      if (answer.progress !== undefined) options.onProgress?.(answer.progress);
      else if (answer.error !== undefined) throw new RemoteError(answer.error);
      else return answer.result as Result;
    }
  }
}

/** An error of the running node, as it told it. */
class RemoteError extends CodedError {
  constructor(error: NonNullable<Answer['error']>) {
    super(error.code, error.message, error.fix === undefined ? {} : { fix: error.fix });
  }
}

/** A hub alone, as people run it: the built command line in a process of its own, asked by JMAP over HTTP. */
import { Program } from './program.ts';

export class LoneHub {
  readonly #program: Program;
  readonly #url: string;

  private constructor(program: Program, url: string) {
    this.#program = program;
    this.#url = url;
  }

  static async open(folder: string, port: number, nodeUrl: string): Promise<LoneHub> {
    const options = ['--json', '--data', folder, '--port', String(port), '--node', nodeUrl, '--log-level', 'error'];
    return new LoneHub(await Program.open(['hub', 'run', ...options]), `http://127.0.0.1:${port}`);
  }

  /** Logs in. */
  session(user: string, password: string): Promise<Response> {
    return fetch(`${this.#url}/.well-known/jmap`, { headers: headersOf(user, password) });
  }

  /** Of all mail that the hub has of a person. */
  async subjects(user: string, password: string): Promise<readonly string[]> {
    const calls = [
      ['Email/query', { accountId: 'encrypted' }, '0'],
      [
        'Email/get',
        {
          accountId: 'encrypted',
          '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' },
          properties: ['subject'],
        },
        '1',
      ],
    ];
    const answer = await fetch(`${this.#url}/jmap/api`, {
      method: 'POST',
      headers: headersOf(user, password),
      body: JSON.stringify({ using: ['urn:ietf:params:jmap:core', 'urn:ietf:params:jmap:mail'], methodCalls: calls }),
    });
    const { methodResponses } = (await answer.json()) as {
      methodResponses: [string, { list?: { subject: string }[] }][];
    };
    return (methodResponses[1]?.[1].list ?? []).map(({ subject }) => subject);
  }

  /** In order. */
  stop(): Promise<void> {
    return this.#program.stop();
  }
}

function headersOf(user: string, password: string): Record<string, string> {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  return { authorization, 'content-type': 'application/json' };
}

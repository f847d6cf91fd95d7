/**
 * What only the person knows: passwords, codes, a yes. In this order: lines of stdin (--password-stdin), the environment,
 * a prompt on the terminal (hidden, on stderr). With RESTANTE_PASSWORD set nothing asks; nothing is ever an argument, which
 * other programs of the machine could read.
 */
import type { Readable, Writable } from 'node:stream';
import { CliError } from '../cli-error.ts';
import { SECRET_CHARACTERS_MAX } from '../limits.ts';

export interface QuestionStreams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly environment: NodeJS.ProcessEnv;
}

/** A secret and where it may come from. */
export interface Secret {
  /** `Password`. */
  readonly label: string;
  /** `RESTANTE_PASSWORD`. */
  readonly variable: string;
  /** Typed twice: nobody can check it for us. */
  readonly isNew: boolean;
}

export const PASSWORD: Secret = Object.freeze({ label: 'Password', variable: 'RESTANTE_PASSWORD', isNew: false });
export const FIRST_PASSWORD: Secret = Object.freeze({ ...PASSWORD, label: 'New password', isNew: true });
export const NEXT_PASSWORD: Secret = Object.freeze({
  label: 'New password',
  variable: 'RESTANTE_NEW_PASSWORD',
  isNew: true,
});
export const RECOVERY_CODE: Secret = Object.freeze({
  label: 'Recovery code',
  variable: 'RESTANTE_RECOVERY_CODE',
  isNew: false,
});

/** Of a mail account elsewhere; an app password, or a token of OAuth 2. */
export const MAIL_PASSWORD: Secret = Object.freeze({
  label: 'Password or token of the mail server',
  variable: 'RESTANTE_MAIL_PASSWORD',
  isNew: false,
});

/** Under which a secret key leaves. */
export const PASSPHRASE: Secret = Object.freeze({ label: 'Passphrase', variable: 'RESTANTE_PASSPHRASE', isNew: true });

/** Whom a command asks. */
export interface Asking {
  /** Whether a secret is given without asking: then the profile's key need not be looked for in the keyring. */
  readonly hasPassword: boolean;
  secret(secret: Secret): Promise<string>;
  /** One that is being set beside or after another. */
  newPassword(): Promise<string>;
  /** Throws CliError `not_confirmed` unless the person says yes. */
  confirm(question: string): Promise<void>;
}

export class Questions implements Asking {
  readonly #streams: QuestionStreams;
  readonly #signal: AbortSignal;
  readonly #fromStdin: boolean;
  #lines: string[] | undefined;

  constructor(streams: QuestionStreams, options: { readonly fromStdin: boolean; readonly signal: AbortSignal }) {
    this.#streams = streams;
    this.#signal = options.signal;
    this.#fromStdin = options.fromStdin;
  }

  get hasPassword(): boolean {
    return this.#fromStdin || this.#variable(PASSWORD.variable) !== undefined;
  }

  async secret(secret: Secret): Promise<string> {
    if (this.#fromStdin) return this.#nextLine(secret);
    const given = this.#variable(secret.variable);
    if (given !== undefined) return given;
    this.#requirePerson(secret);
    const text = await this.#prompt(secret.label);
    if (secret.isNew && (await this.#prompt('The same again')) !== text)
      throw new CliError('password_mismatch', 'the two entries differ', { fix: 'Run the command again.' });
    return text;
  }

  /** One that is being set beside or after another: RESTANTE_NEW_PASSWORD, or RESTANTE_PASSWORD where that is the only one. */
  async newPassword(): Promise<string> {
    const isOnlyOne = this.#variable(NEXT_PASSWORD.variable) === undefined;
    return this.secret(isOnlyOne ? FIRST_PASSWORD : NEXT_PASSWORD);
  }

  /** Whether the person says yes. Not asked where nothing asks: the command itself is the wish then. */
  async confirm(question: string): Promise<void> {
    if (this.hasPassword) return;
    if (!this.#isPersonThere())
      throw new CliError('not_confirmed', 'nobody is there to confirm this', { fix: 'Say it with --yes.' });
    const { confirm, isCancel } = await loadPrompts();
    const { stdin, stderr } = this.#streams;
    const answer = await confirm({
      message: question,
      initialValue: false,
      input: stdin,
      output: stderr,
      signal: this.#signal,
    });
    if (isCancel(answer)) throw interrupted();
    if (!answer) throw new CliError('not_confirmed', 'nothing was changed', { fix: 'Run it again if you want it.' });
  }

  async #prompt(label: string): Promise<string> {
    const { password, isCancel } = await loadPrompts();
    const { stdin, stderr } = this.#streams;
    const text = await password({ message: label, input: stdin, output: stderr, signal: this.#signal });
    if (isCancel(text)) throw interrupted();
    return text ?? '';
  }

  async #nextLine(secret: Secret): Promise<string> {
    this.#lines ??= (await readText(this.#streams.stdin)).split(/\r?\n/);
    const line = this.#lines.shift();
    if (line === undefined || line.length > SECRET_CHARACTERS_MAX)
      throw new CliError('password_needed', `stdin holds no ${secret.label.toLowerCase()}`, {
        fix: 'Give one a line, in the order that --help says.',
      });
    return line;
  }

  #requirePerson(secret: Secret): void {
    // With the password in the environment nobody is there, even if a terminal is.
    if (this.#isPersonThere() && this.#variable(PASSWORD.variable) === undefined) return;
    throw new CliError('password_needed', `the ${secret.label.toLowerCase()} is needed and nobody can be asked`, {
      fix: `Set ${secret.variable}, or give it on stdin with --password-stdin.`,
    });
  }

  #isPersonThere(): boolean {
    return this.#streams.stdin.isTTY === true && this.#streams.stderr.isTTY === true;
  }

  #variable(name: string): string | undefined {
    return this.#streams.environment[name] || undefined;
  }
}

/** Loaded when somebody is asked: most commands ask nobody. */
function loadPrompts(): Promise<typeof import('@clack/prompts')> {
  return import('@clack/prompts');
}

/** All of a stream as text. */
export async function readText(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
}

function interrupted(): CliError {
  return new CliError('interrupted', 'the question was not answered', { fix: 'Nothing was changed; run it again.' });
}

/**
 * Restante as people get it: packed, and installed by npm into a folder where nothing of the repository is. What is loaded
 * while it runs is noted, so that a test can say that none of it came from elsewhere.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const exec = promisify(execFile);
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const NOTE_LOADS = new URL('./note-loads.mjs', import.meta.url);

export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

export interface Packed {
  readonly filename: string;
  /** Of the tarball, in bytes. */
  readonly size: number;
  readonly unpackedSize: number;
  readonly files: readonly PackedFile[];
}

/** `npm pack`, with the build that belongs to it. */
export async function pack(into: string): Promise<Packed> {
  const { stdout } = await exec('npm', ['pack', '--json', '--loglevel=error', '--pack-destination', into], {
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  // The build may have spoken before.
  const [packed] = JSON.parse(stdout.slice(stdout.search(/^\[$/m))) as Packed[];
  if (packed === undefined) throw new Error(`npm pack made nothing: ${stdout}`);
  return packed;
}

/** Asks for one small document of a package that installing needs anyhow. */
export async function isRegistryReachable(): Promise<boolean> {
  try {
    await exec('npm', ['view', 'openpgp', 'version', '--prefer-online', '--fetch-retries=0']);
    return true;
  } catch {
    // Why it cannot be asked makes no difference here: nothing can be installed.
    return false;
  }
}

/** A folder that was empty before the package was installed there. */
export class InstalledPackage implements AsyncDisposable {
  readonly folder: string;
  readonly packed: Packed;
  readonly #temporary: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(temporary: string, folder: string, packed: Packed) {
    this.#temporary = temporary;
    this.folder = folder;
    this.packed = packed;
  }

  static async open(): Promise<InstalledPackage> {
    // As modules are named when they are loaded.
    const temporary = await realpath(await mkdtemp(join(tmpdir(), 'restante-package-')));
    try {
      const packed = await pack(temporary);
      const folder = join(temporary, 'empty');
      await mkdir(folder);
      await mkdir(join(temporary, 'loads'));
      // With --prefix npm stays here; else it would look for a project in the folders above.
      const args = ['install', '--prefix', folder, '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
      await exec('npm', [...args, join(temporary, packed.filename)], { cwd: folder, maxBuffer: OUTPUT_BYTES_MAX });
      return new InstalledPackage(temporary, folder, packed);
    } catch (error) {
      await rm(temporary, { recursive: true, force: true });
      throw error;
    }
  }

  path(...parts: string[]): string {
    return join(this.folder, ...parts);
  }

  /** Runs a program that the package brings, or Node, to its end; its output. */
  async run(program: string, ...args: string[]): Promise<string> {
    const options = { cwd: this.folder, env: this.#environment(), maxBuffer: OUTPUT_BYTES_MAX };
    return (await exec(program, args, options)).stdout;
  }

  /** Types `npx restante …` and waits for the first line. */
  async start(...args: string[]): Promise<Started> {
    // A group of its own, since Ctrl-C at a terminal reaches npx and what it started alike.
    const child = spawn('npx', ['--no', 'restante', ...args], {
      cwd: this.folder,
      env: this.#environment(),
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    // When the last one that holds its output has ended, not npx alone.
    const closed = once(child, 'close').then(() => {
      this.#children.delete(child);
    });
    let log = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
    const first = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
    if (first.done === true) throw new Error(`it did not start: ${log}`);
    return {
      line: JSON.parse(first.value) as Started['line'],
      interrupt: async () => {
        signalGroup(child, 'SIGINT');
        await closed;
      },
    };
  }

  /** Every module that was loaded so far, by any process started here. */
  async loaded(): Promise<ReadonlySet<string>> {
    const notes = join(this.#temporary, 'loads');
    const texts = await Promise.all((await readdir(notes)).map((name) => readFile(join(notes, name), 'utf8')));
    return new Set(
      texts
        .flatMap((text) => text.split('\n'))
        .filter((line) => line.startsWith('file:'))
        .map((url) => fileURLToPath(url)),
    );
  }

  #environment(): NodeJS.ProcessEnv {
    const { NODE_PATH: _, ...inherited } = process.env;
    return {
      ...inherited,
      PATH: [this.path('node_modules', '.bin'), inherited.PATH].join(delimiter),
      RESTANTE_PASSWORD: 'correct horse battery staple',
      XDG_DATA_HOME: this.path('data'),
      NODE_OPTIONS: `--import=${NOTE_LOADS.href}`,
      RESTANTE_TEST_LOADS: join(this.#temporary, 'loads'),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      signalGroup(child, 'SIGKILL');
      await once(child, 'close');
    }
    await rm(this.#temporary, { recursive: true, force: true });
  }
}

export interface Started {
  readonly line: { readonly home: string; readonly node: string; readonly jmap: string; readonly web: string };
  /** Ctrl-C; resolves when everything has ended. */
  readonly interrupt: () => Promise<void>;
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  process.kill(-(child.pid as number), signal);
}

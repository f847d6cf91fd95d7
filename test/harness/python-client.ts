/** The example client in Python, run as a person would. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { PASSWORD } from './hub.ts';

const PROGRAM = fileURLToPath(new URL('../../examples/python/hub.py', import.meta.url));
/** Debian's, whose packages (pika) a version manager's Python does not see. */
export const PYTHON = '/usr/bin/python3';

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export function runPython(args: readonly string[], password = PASSWORD): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(PYTHON, [PROGRAM, ...args], { env: { RESTANTE_PASSWORD: password } });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

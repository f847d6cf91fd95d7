/** Shells that complete a line, as they do when somebody presses the tab key: the words each offers. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

export type ShellName = 'bash' | 'zsh' | 'fish';

const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
/** Begins what was offered for the next line. */
const NEXT = '== next';

export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
}

/** For each line, which ends where the cursor is, the words that are offered there; in a folder, with a completion script. */
export async function completions(
  shell: ShellName,
  { folder, lines, script }: { readonly folder: string; readonly lines: readonly string[]; readonly script: string },
): Promise<string[][]> {
  const [completion, driver] = [join(folder, `completion.${shell}`), join(folder, `driver.${shell}`)];
  await writeFile(completion, script);
  await writeFile(driver, DRIVERS[shell](completion, lines));
  const { stderr, stdout } = await promisify(execFile)(shell, [...BARE[shell], driver], {
    cwd: folder,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  if (stderr !== '') throw new Error(`${shell} said: ${stderr}`);
  return stdout
    .split(`${NEXT}\n`)
    .slice(1)
    .map((offered) => offered.split('\n').filter((word) => word !== ''));
}

/** Without what the person who runs the test has set up. */
const BARE: Readonly<Record<ShellName, readonly string[]>> = { bash: ['--norc'], zsh: ['-f'], fish: ['--no-config'] };

const DRIVERS: Readonly<Record<ShellName, (completion: string, lines: readonly string[]) => string>> = {
  bash: (completion, lines) => `
source ${completion}
compopt() { :; } # it works only while a key is pressed
offer() {
  echo '${NEXT}'
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
  _restante
  printf '%s\\n' "\${COMPREPLY[@]}"
}
${lines.map((line) => `offer ${wordsOf(line).join(' ')}`).join('\n')}
`,
  // Its functions that offer words work only in the line editor; these say what they were given.
  zsh: (completion, lines) => `
compdef() { :; }
source ${completion}
said() { for word in "$@"; do [[ "$word" == "$PREFIX"* ]] && print -r -- "$word"; done; true; }
compadd() { shift; said "$@"; }
_describe() { said "\${(@)\${(@P)4}%%:*}"; }
_files() { if [[ "$1" == -/ ]]; then said *(/); else said *; fi; }
compset() { PREFIX="\${PREFIX#*=}"; }
offer() {
  print '${NEXT}'
  words=("$@") CURRENT=$# PREFIX="\${@[-1]}"
  _restante
}
${lines.map((line) => `offer ${wordsOf(line).join(' ')}`).join('\n')}
`,
  fish: (completion, lines) => `
source ${completion}
${lines.map((line) => `echo '${NEXT}'; complete -C '${line}' | string split -f 1 \\t`).join('\n')}
true
`,
};

/** The last one may be empty. */
function wordsOf(line: string): string[] {
  return line.split(' ').map((word) => `'${word}'`);
}

/** `completion`: what makes a shell complete this program's commands and options. */
import { Argument, type Command } from 'commander';
import type { Act, Context } from '../context.ts';
import { bashCompletion } from '../grammar/bash.ts';
import { fishCompletion } from '../grammar/fish.ts';
import { grammarOf } from '../grammar/grammar.ts';
import { zshCompletion } from '../grammar/zsh.ts';
import { withExamples } from '../options.ts';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

type Shell = keyof typeof SHELLS;

export function addCompletion(program: Command, act: Act): void {
  const shell = new Argument('<shell>', 'whose').choices(Object.keys(SHELLS));
  const command = program
    .command('completion')
    .helpGroup('Shell:')
    .description('Print what makes a shell complete commands and options.')
    .addArgument(shell)
    // The tree is read when it is whole.
    .action(act((context, _: object, name: Shell) => print(context, SHELLS[name](grammarOf(program)))));
  withExamples(
    command,
    'restante completion bash >> ~/.bashrc',
    'restante completion zsh > ~/.zsh/completions/_restante',
    'restante completion fish > ~/.config/fish/completions/restante.fish',
  );
}

async function print({ output }: Context, script: string): Promise<void> {
  output.result({ script }, () => script.trimEnd());
}

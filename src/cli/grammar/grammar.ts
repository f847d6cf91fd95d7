/** The command line as plain data, read from commander's own tree: what completions and the manual page are made of. */
import type { Argument, Command, Option } from 'commander';

/** What a shell can offer for a value. */
export type Value =
  | { readonly kind: 'file' }
  | { readonly kind: 'folder' }
  | { readonly kind: 'choice'; readonly choices: readonly string[] }
  | { readonly kind: 'text' };

export interface OptionWord {
  /** `--port`, or `-V` where there is no long one. */
  readonly name: string;
  readonly short: string | undefined;
  /** As the help has them: `--port <number>`. */
  readonly flags: string;
  readonly description: string;
  /** The variable of the environment that says the same. */
  readonly environment: string | undefined;
  /** Undefined for what takes no value. */
  readonly value: Value | undefined;
}

export interface CommandWord {
  /** `restante account new`. */
  readonly path: string;
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  /** As the help has them: `<address> [size]`. */
  readonly usage: string;
  readonly value: Value | undefined;
  /** With those of the command that stands for it when none is named, and those that every command has. */
  readonly options: readonly OptionWord[];
  /** What stands nowhere else: the manual page tells only these. */
  readonly ownOptions: readonly OptionWord[];
  readonly commands: readonly CommandWord[];
  readonly examples: readonly string[];
}

const HELP: OptionWord = {
  name: '--help',
  short: '-h',
  flags: '-h, --help',
  description: 'display help for command',
  environment: undefined,
  value: undefined,
};

export function grammarOf(program: Command): CommandWord {
  const everywhere = [...program.options.filter(({ long }) => long !== '--version').map(optionWord), HELP];
  const version = program.options.filter(({ long }) => long === '--version').map(optionWord);
  const root = commandWord(program, '', everywhere);
  return { ...root, options: [...version, ...everywhere], ownOptions: [...version, ...everywhere] };
}

/** Of a command and all below it, the nearest first. */
export function everyCommand(word: CommandWord): CommandWord[] {
  return [word, ...word.commands.flatMap(everyCommand)];
}

function commandWord(command: Command, parent: string, everywhere: readonly OptionWord[]): CommandWord {
  const path = `${parent} ${command.name()}`.trimStart();
  const commands = command
    .createHelp()
    .visibleCommands(command)
    .filter((child) => child.name() !== 'help');
  const words = commands.map((child) => commandWord(child, path, everywhere));
  // Commander tells its default command to nobody but itself.
  const standsFor = words.find(({ name }) => name === Reflect.get(command, '_defaultCommandName'));
  const ownOptions = command.options.filter(({ hidden }) => !hidden).map(optionWord);
  const [argument] = command.registeredArguments;
  return {
    path,
    name: command.name(),
    group: command.helpGroup() || (words[0]?.group ?? ''),
    summary: command.description(),
    usage: command.registeredArguments.map(usageOf).join(' '),
    value: argument && valueNamed(argument.name(), argument.argChoices),
    options: [
      ...new Map([...ownOptions, ...(standsFor?.ownOptions ?? []), ...everywhere].map((o) => [o.name, o])).values(),
    ],
    ownOptions,
    commands: words,
    examples: examplesOf(command),
  };
}

function optionWord(option: Option): OptionWord {
  const { argChoices, description, envVar: environment, flags, long, short } = option;
  const named = /[<[]([^>\]]+)[>\]]?$/.exec(flags)?.[1];
  const name = long ?? short;
  if (name === undefined || name === null) throw new Error(`an option without a name: ${flags}`);
  const value = named === undefined ? undefined : valueNamed(named, argChoices);
  return { name, short: short ?? undefined, flags, description, environment, value };
}

/** What is a path is named one: `<dir>`, `<file>`, `[files...]`, `<paths...>`. */
function valueNamed(named: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined) return { kind: 'choice', choices };
  const noun = named.replace(/\.\.\.$/, '');
  if (/^(dirs?|folder)$/.test(noun)) return { kind: 'folder' };
  return /^(files?|paths?)$/.test(noun) ? { kind: 'file' } : { kind: 'text' };
}

function usageOf(argument: Argument): string {
  const name = argument.variadic ? `${argument.name()}...` : argument.name();
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** They stand at the end of the help and nowhere else. */
function examplesOf(command: Command): string[] {
  let help = '';
  const before = command.configureOutput();
  command.configureOutput({ ...before, writeOut: (text) => void (help += text) });
  command.outputHelp();
  command.configureOutput(before);
  const examples = /\nExample:\n((?: {2}.*\n?)+)/.exec(help)?.[1] ?? '';
  return examples.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
}

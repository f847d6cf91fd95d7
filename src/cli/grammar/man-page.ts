/** The manual page `restante(1)` in roff, made of the same tree as the help. */
import { type CommandWord, everyCommand, type OptionWord } from './grammar.ts';

export function manPage(program: CommandWord, version: string): string {
  const leaves = everyCommand(program).filter(({ commands }) => commands.length === 0);
  const groups = [...new Set(program.commands.map(({ group }) => group))];
  return [
    `.TH RESTANTE 1 "" ${quoted(`restante ${version}`)} "User Commands"`,
    '.nh',
    '.ad l',
    section('NAME', `restante ${DASH} ${text(lowered(program.summary))}`),
    section('SYNOPSIS', `${bold('restante')} ${italic('command')} [${italic('options')}]`),
    section('DESCRIPTION', ...DESCRIPTION.flatMap((paragraph) => ['.PP', text(paragraph)])),
    section('OPTIONS OF EVERY COMMAND', ...program.ownOptions.flatMap(optionLines)),
    ...groups.flatMap((group) => [
      `.SH ${quoted(text(`${group.replace(/:$/, '').toUpperCase()} COMMANDS`))}`,
      ...program.commands.filter((word) => word.group === group).flatMap((word) => commandsOf(word, leaves)),
    ]),
    section('EXIT STATUS', ...EXIT_STATUS.flatMap(([code, meaning]) => ['.TP', bold(code), text(meaning)])),
    section('ENVIRONMENT', ...ENVIRONMENT.flatMap(([name, meaning]) => ['.TP', bold(name), text(meaning)])),
    '',
  ].join('\n');
}

const DASH = '\\-';

const DESCRIPTION = [
  'A home keeps its people’s end-to-end-encrypted mail as entries of a signed, gapless log; each device follows the log and knows what it holds and what is missing. One program is the home, its hub, and the mail program of a person at a terminal.',

  'With --json a command prints one JSON object a line on standard output and nothing else there. Errors are one line, “code: what happened. what to do”.',
];

const EXIT_STATUS = [
  ['0', 'Done.'],
  ['1', 'Refused, failed, or stopped.'],
  ['2', 'The command line is wrong.'],
] as const;

const ENVIRONMENT = [
  ['RESTANTE_PASSWORD', 'The password, where a command would ask for it.'],
  ['RESTANTE_NEW_PASSWORD', 'The new one, of account password and account recover.'],
  ['RESTANTE_RECOVERY_CODE', 'The recovery code, of account recover.'],
  ['RESTANTE_MAIL_PASSWORD', 'Of an account at another mail server, of mail account add.'],
  ['RESTANTE_SMTP_RELAY_PASSWORD', 'Of the server that up --smtp-relay sends through.'],
  ['RESTANTE_PASSPHRASE', 'What locks a secret key that key export writes.'],
  ['XDG_DATA_HOME', 'Where servers and profiles are kept, unless --data or --profile say otherwise.'],
  ['NO_COLOR', 'Set: no colours.'],
] as const;

function section(title: string, ...lines: readonly string[]): string {
  return [`.SH ${quoted(text(title))}`, ...lines].join('\n');
}

/** A command, or those below it. */
function commandsOf(word: CommandWord, leaves: readonly CommandWord[]): string[] {
  return everyCommand(word)
    .filter((each) => leaves.includes(each))
    .flatMap(commandLines);
}

function commandLines({ examples, ownOptions, path, summary, usage }: CommandWord): string[] {
  return [
    `.SS ${quoted(text(`${path} ${usage}`.trimEnd()))}`,
    text(summary),
    ...ownOptions.flatMap(optionLines),
    ...(examples.length === 0 ? [] : ['.PP', '.RS', '.nf', ...examples.map(text), '.fi', '.RE']),
  ];
}

function optionLines({ description, environment, flags, value }: OptionWord): string[] {
  const choices = value?.kind === 'choice' ? ` (${value.choices.join(', ')})` : '';
  const variable = environment === undefined ? '' : ` (or ${environment})`;
  return ['.TP', bold(flags), text(`${description}${choices}${variable}`)];
}

function lowered(sentence: string): string {
  return `${sentence[0]?.toLowerCase()}${sentence.slice(1)}`.replace(/\.$/, '');
}

function bold(words: string): string {
  return `\\fB${text(words)}\\fR`;
}

function italic(words: string): string {
  return `\\fI${text(words)}\\fR`;
}

function quoted(words: string): string {
  return `"${words.replaceAll('"', '\\(dq')}"`;
}

/** A hyphen that one types is a minus in roff, a backslash begins an escape, and a line with a full stop or a quote a request. */
function text(words: string): string {
  return words
    .replaceAll('\\', '\\e')
    .replaceAll('-', DASH)
    .replace(/^([.'])/, '\\&$1');
}

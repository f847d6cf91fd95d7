/** Completion for fish: one line for each word, with what it does. */
import { type CommandWord, everyCommand, type OptionWord, type Value } from './grammar.ts';
import { descents, optionOffers } from './offers.ts';

export function fishCompletion(program: CommandWord): string {
  return `# fish completion for restante, made by \`restante completion fish\`.
# Whether the words typed so far lead to the command that is given.
function __restante_at
  set -l path restante
  set -l wants ''
  for word in (commandline -opc)[2..]
    if test -n "$wants"
      set wants ''
      continue
    end
    switch "$path $word"
      case ${descents(program).map(quote).join(' ')}
        set path "$path $word"
      case ${optionOffers(program)
        .map(({ at }) => quote(at))
        .join(' ')}
        set wants "$path $word"
    end
  end
  test "$path" = "$argv"
end

complete -c restante -f
${everyCommand(program).flatMap(linesOf).join('\n')}
`;
}

function linesOf({ commands, options, path, value }: CommandWord): string[] {
  const at = `complete -c restante -n ${quote(`__restante_at ${path}`)}`;
  return [
    ...commands.map(({ name, summary }) => `${at} -a ${name} -d ${quote(summary)}`),
    ...(value === undefined || value.kind === 'text' ? [] : [`${at} ${offer(value)}`]),
    ...options.map((option) => `${at} ${namesOf(option)}${taken(option.value)} -d ${quote(option.description)}`),
  ];
}

function namesOf({ name, short }: OptionWord): string {
  const long = name.startsWith('--') ? `-l ${name.slice(2)}` : '';
  return [long, short === undefined ? '' : `-s ${short.slice(1)}`].filter((each) => each !== '').join(' ');
}

function taken(value: Value | undefined): string {
  if (value === undefined) return '';
  return value.kind === 'file' ? ' -r -F' : ` -x ${offer(value)}`.trimEnd();
}

function offer(value: Value): string {
  switch (value.kind) {
    case 'file':
      return '-F';
    case 'folder':
      return "-a '(__fish_complete_directories)'";
    case 'choice':
      return `-a ${quote(value.choices.join(' '))}`;
    case 'text':
      return '';
  }
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

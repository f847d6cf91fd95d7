/** Completion for zsh: as for bash, with what each word does beside it. */
import { type CommandWord, everyCommand, type Value } from './grammar.ts';
import { descents, optionOffers } from './offers.ts';

export function zshCompletion(program: CommandWord): string {
  const commands = everyCommand(program);
  return `#compdef restante
# zsh completion for restante, made by \`restante completion zsh\`.
_restante() {
  local cur="\${words[CURRENT]}" path_='restante' wants='' word i
  local -a offered
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    if [[ -n "$wants" ]]; then wants=''; continue; fi
    case "$path_ $word" in
      (${patterns(descents(program))}) path_="$path_ $word" ;;
      (${patterns(optionOffers(program).map(({ at }) => at))}) wants="$path_ $word" ;;
    esac
  done
  # --name=value is one word.
  if [[ -z "$wants" && "$cur" == --*=* ]]; then
    wants="$path_ \${cur%%=*}"
    compset -P '*='
  fi
  if [[ -n "$wants" ]]; then
    case "$wants" in
      ${optionOffers(program)
        .map(({ at, value }) => `('${at}') ${offer(value)} ;;`)
        .join('\n      ')}
    esac
  elif [[ "$cur" == -* ]]; then
    case "$path_" in
      ${commands
        .map(
          ({ options, path }) =>
            `('${path}') ${described(
              options.map((each) => [each.name, each.description]),
              'option',
            )} ;;`,
        )
        .join('\n      ')}
    esac
  else
    case "$path_" in
      ${commands.flatMap(wordCase).join('\n      ')}
    esac
  fi
}

# Sourced, or found in fpath and called.
if [[ "$funcstack[1]" == _restante ]]; then _restante "$@"; else compdef _restante restante; fi
`;
}

function wordCase({ commands, path, value }: CommandWord): string[] {
  if (commands.length > 0)
    return [
      `('${path}') ${described(
        commands.map(({ name, summary }) => [name, summary]),
        'command',
      )} ;;`,
    ];
  return value === undefined ? [] : [`('${path}') ${offer(value)} ;;`];
}

function offer(value: Value): string {
  switch (value.kind) {
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'choice':
      return `compadd -- ${value.choices.map(quote).join(' ')}`;
    case 'text':
      return ':';
  }
}

/** A colon stands between a word and what it does. */
function described(words: readonly (readonly [word: string, description: string])[], tag: string): string {
  const entries = words.map(([word, description]) => quote(`${word}:${description}`));
  return `offered=(${entries.join(' ')}); _describe -t ${tag}s ${tag} offered`;
}

function patterns(words: readonly string[]): string {
  return words.map(quote).join('|');
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Completion for bash, 3.2 (macOS) and newer: a function that walks the words typed so far down the tree of commands. */
import { type CommandWord, descents, namesOf, type OfferRow, optionOffers, wordOffers } from './offers.ts';

export function bashCompletion(program: CommandWord): string {
  return `# bash completion for restante, made by \`restante completion bash\`.
_restante() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" path='restante' wants='' word i
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    # --name=value comes as three words.
    if [ "$word" = '=' ]; then continue; fi
    if [ -n "$wants" ]; then wants=''; continue; fi
    case "$path $word" in
      ${patterns(descents(program))}) path="$path $word" ;;
      ${patterns(optionOffers(program).map(({ at }) => at))}) wants="$path $word" ;;
    esac
  done
  if [ "$cur" = '=' ]; then cur=''; fi
  if [ -n "$wants" ]; then
    case "$wants" in
      ${cases(optionOffers(program))}
    esac
  elif [[ "$cur" == -* ]]; then
    case "$path" in
      ${cases(namesOf(program))}
    esac
  else
    case "$path" in
      ${cases(wordOffers(program))}
    esac
  fi
}

_restante_words() {
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

# Names may have spaces; what bash 3.2 has not, it does without.
_restante_paths() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen "$1" -- "$cur"))
  type compopt > /dev/null 2>&1 && compopt -o filenames
}

complete -F _restante restante
`;
}

function cases(rows: readonly OfferRow[]): string {
  return rows.map(({ at, value }) => `'${at}') ${offer(value)} ;;`).join('\n      ');
}

function offer(value: OfferRow['value']): string {
  switch (value.kind) {
    case 'file':
      return '_restante_paths -f';
    case 'folder':
      return '_restante_paths -d';
    case 'choice':
      return `_restante_words '${value.choices.join(' ')}'`;
    case 'text':
      return ':';
  }
}

function patterns(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join('|');
}

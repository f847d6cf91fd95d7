/**
 * What a shell offers where, in the form that all shells share. A place is a path of commands, `restante account new`, or such a
 * path and an option, `restante up --port`.
 */
import { type CommandWord, everyCommand, type Value } from './grammar.ts';

export type { CommandWord } from './grammar.ts';

export interface OfferRow {
  readonly at: string;
  readonly value: Value;
}

/** Every path that one comes to by typing a command. */
export function descents(program: CommandWord): string[] {
  return everyCommand(program).flatMap((word) => (word === program ? [] : [word.path]));
}

/** What an option takes, also by its short name. */
export function optionOffers(program: CommandWord): OfferRow[] {
  return everyCommand(program).flatMap(({ options, path }) =>
    options.flatMap(({ name, short, value }) => {
      if (value === undefined) return [];
      const names = short === undefined || short === name ? [name] : [name, short];
      return names.map((each) => ({ at: `${path} ${each}`, value }));
    }),
  );
}

/** The names of options. */
export function namesOf(program: CommandWord): OfferRow[] {
  return everyCommand(program).map(({ options, path }) => ({
    at: path,
    value: { kind: 'choice', choices: options.map(({ name }) => name) },
  }));
}

/** What stands where no option does: commands, or the value of the command's own argument. */
export function wordOffers(program: CommandWord): OfferRow[] {
  return everyCommand(program).flatMap(({ commands, path, value }): OfferRow[] => {
    if (commands.length > 0)
      return [{ at: path, value: { kind: 'choice', choices: commands.map(({ name }) => name) } }];
    return value === undefined ? [] : [{ at: path, value }];
  });
}

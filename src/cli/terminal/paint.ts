/** Colours, for a terminal only, and never when NO_COLOR is set (no-color.org). */

export interface Paint {
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  warn(text: string): string;
  bad(text: string): string;
}

const plain = (text: string): string => text;
const PLAIN: Paint = Object.freeze({ bold: plain, dim: plain, good: plain, warn: plain, bad: plain });
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    text === '' ? '' : `\u001b[${on}m${text}\u001b[${off}m`;
const COLOURED: Paint = Object.freeze({
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  good: sgr(32, 39),
  warn: sgr(33, 39),
  bad: sgr(31, 39),
});

export interface ColourEnvironment {
  readonly NO_COLOR?: string | undefined;
  readonly FORCE_COLOR?: string | undefined;
  readonly TERM?: string | undefined;
}

export function createPaint(isTerminal: boolean, environment: ColourEnvironment): Paint {
  if (environment.NO_COLOR !== undefined && environment.NO_COLOR !== '') return PLAIN;
  if (environment.FORCE_COLOR !== undefined && environment.FORCE_COLOR !== '0') return COLOURED;
  return isTerminal && environment.TERM !== 'dumb' ? COLOURED : PLAIN;
}

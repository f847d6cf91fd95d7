/** Writes dist/restante.1, the manual page, from the built command line's own tree. */
import { writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { VERSION } from '../dist/cli/context.js';
import { grammarOf } from '../dist/cli/grammar/grammar.js';
import { manPage } from '../dist/cli/grammar/man-page.js';
import { createProgram } from '../dist/cli/program.js';

const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough(), environment: {} };
// Nothing is run: the tree is only read.
const program = createProgram(() => () => Promise.resolve(), streams);
writeFileSync(new URL('../dist/restante.1', import.meta.url), manPage(grammarOf(program), VERSION));

/** The rules of tidy.test.ts that look at syntax: each names what is wrong, where, and what to write instead. */
import ts from 'typescript';
import { hasReason, lineCountOf, nodesOf, placeOf, type SourceFile } from './tidy-files.ts';

export type Rule = (file: SourceFile) => string[];

const FUNCTION_LINES_MAX = 60;

/** Globals that would bypass a port, and the port. */
const BANNED: Readonly<Record<string, string>> = {
  'Date.now': 'Clock.now()',
  'new Date()': 'Clock.now()',
  'performance.now': 'Clock.monotonic()',
  'Math.random': 'Prng for choices, SecureRandom for secrets',
  setTimeout: 'Clock.sleep(ms, signal)',
  setInterval: 'a loop over Clock.sleep(ms, signal) in a Scope',
  fetch: 'a port that is given in deps',
  'process.env': 'an option, read once at the edge',
  'process.exit': 'a return value or an error; the command line decides',
  console: 'a logger that is given in deps',
};

export const bannedGlobals: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) => {
    const name = globalOf(node);
    const instead = name === undefined ? undefined : BANNED[name];
    return instead === undefined ? [] : [`${placeOf(file, node)}: no ${name} here: use ${instead}`];
  });

function globalOf(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && (node.arguments?.length ?? 0) === 0)
    return 'new Date()';
  if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) return node.expression.text;
  if (!ts.isPropertyAccessExpression(node) || !ts.isIdentifier(node.expression)) return undefined;
  return node.expression.text === 'console' ? 'console' : node.getText();
}

export const typeEscapes: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) => {
    if (node.kind === ts.SyntaxKind.AnyKeyword)
      return [`${placeOf(file, node)}: no any: name the type, or use unknown`];
    if (ts.isAsExpression(node) && ts.isAsExpression(node.expression) && node.expression.type.getText() === 'unknown')
      return [`${placeOf(file, node)}: no "as unknown as": make the types meet, or parse the value`];
    return [];
  });

export const longFunctions: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) => {
    if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return [];
    const lines = lineCountOf(file, node);
    if (lines <= FUNCTION_LINES_MAX) return [];
    return [`${placeOf(file, node)}: a function of ${lines} lines: at most ${FUNCTION_LINES_MAX}, name its parts`];
  });

const BRANDS = new Set(['Address', 'HomeName', 'FeedId', 'PduId', 'ConversationId', 'DeviceId']);

export const brandCasts: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) =>
    ts.isAsExpression(node) && BRANDS.has(node.type.getText().replace(/\[\]$/, ''))
      ? [`${placeOf(file, node)}: no cast to ${node.type.getText()}: make it with its parser of protocol/ids.ts`]
      : [],
  );

/** Sizes of a format (`KEY_BYTES`) and units (`DAY_MS`) are none. */
const LIMIT_NAME = /_(MAX|LIMIT|INTERVAL_MS|TIMEOUT_MS)$|_MAX_|^MAX_/;

export const strayLimits: Rule = (file) =>
  file.tree.statements.filter(ts.isVariableStatement).flatMap((statement) =>
    statement.declarationList.declarations.flatMap((declaration) => {
      const { name, initializer } = declaration;
      if (initializer === undefined || !ts.isIdentifier(name) || !LIMIT_NAME.test(name.text) || !isNumber(initializer))
        return [];
      return [
        `${placeOf(file, declaration)}: ${name.text} is a limit: name it, with its reason, in the folder's limits.ts`,
      ];
    }),
  );

function isNumber(node: ts.Expression): boolean {
  if (ts.isNumericLiteral(node)) return true;
  return ts.isBinaryExpression(node) && (isNumber(node.left) || isNumber(node.right));
}

export const emptyCatches: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) =>
    ts.isCatchClause(node) && node.block.statements.length === 0 && !/\/[/*]/.test(node.block.getText())
      ? [`${placeOf(file, node)}: a swallowed error: handle it, or say in a comment why there is nothing to do`]
      : [],
  );

export const idleTests: Rule = (file) =>
  nodesOf(file.tree).flatMap((node) => {
    if (!ts.isPropertyAccessExpression(node) || !/^(test|it|describe)\b/.test(node.expression.getText())) return [];
    if (node.name.text === 'only') return [`${placeOf(file, node)}: .only hides the other tests: take it away`];
    const idles = ['skip', 'skipIf', 'runIf', 'todo', 'fails'].includes(node.name.text);
    return idles && !hasReason(file, node)
      ? [`${placeOf(file, node)}: .${node.name.text} without a reason in a comment above it`]
      : [];
  });

export const headerComment: Rule = (file) =>
  /^(#!.*\n)?\s*(\/\*\*|\/\/)/.test(file.text) || /\n(\/\*\*|\/\/)/.test(file.text)
    ? []
    : [`${file.path}: no comment says what this file is`];

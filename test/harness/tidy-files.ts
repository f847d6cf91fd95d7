/** The project's own files as tidy.test.ts reads them: paths, texts and, for TypeScript, syntax trees. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** Relative to the project, with slashes. */
  readonly path: string;
  readonly text: string;
  readonly tree: ts.SourceFile;
}

const NOT_OURS = new Set(['node_modules', 'dist', 'dist-site', '.git', 'coverage', 'fixtures', 'tmp']);

/** Every file below `folder` that somebody wrote, sorted. */
export function listFiles(folder: string): string[] {
  const files: string[] = [];
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (NOT_OURS.has(entry.name)) continue;
    const path = folder === '.' ? entry.name : `${folder}/${entry.name}`;
    if (entry.isDirectory()) files.push(...listFiles(path));
    else if (entry.isFile()) files.push(path);
  }
  return files.sort();
}

export function readSource(path: string): SourceFile {
  const text = readFileSync(join(process.cwd(), path), 'utf8');
  return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2023, true) };
}

/** `path:line`, for messages that an editor can follow. */
export function placeOf(file: SourceFile, node: ts.Node): string {
  const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree));
  return `${file.path}:${line + 1}`;
}

/** Every node of the tree, parents first; walked once for all rules. */
export function nodesOf(tree: ts.Node): readonly ts.Node[] {
  const known = walked.get(tree);
  if (known !== undefined) return known;
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(tree);
  walked.set(tree, nodes);
  return nodes;
}

const walked = new WeakMap<ts.Node, readonly ts.Node[]>();

/** Whether a comment stands on the line of `node` or in the line above it. */
export function hasReason(file: SourceFile, node: ts.Node): boolean {
  const lines = file.text.split('\n');
  const { line } = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree));
  return [lines[line - 1], lines[line]].some((text) => text !== undefined && /\/\/|\/\*|\*\//.test(text));
}

/** Lines from the first to the last of a node. */
export function lineCountOf(file: SourceFile, node: ts.Node): number {
  const first = file.tree.getLineAndCharacterOfPosition(node.getStart(file.tree)).line;
  return file.tree.getLineAndCharacterOfPosition(node.getEnd()).line - first + 1;
}

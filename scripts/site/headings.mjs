/** For typedoc: a document is called as its first heading says, not as its file, and stands with those of its folder. */
import { relative } from 'node:path';
import { Converter } from 'typedoc';

/** By folder; the first that fits. */
const GROUPS = [
  ['docs/operations/', 'Operations'],
  ['docs/protocol/', 'Protocol'],
  ['docs/decisions/', 'Decisions'],
  ['docs/reports/', 'Reports'],
  ['src/', 'Parts'],
  ['', 'Restante'],
];

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, document) => {
    const [heading] = document.content;
    const title = /^#\s+(.+)$/m.exec(heading?.text ?? '')?.[1];
    if (title === undefined) throw new Error(`${document.name} has no heading`);
    document.name = title.replaceAll('`', '');
    const file = relative(process.cwd(), app.files.getReflectionPath(document) ?? '');
    document.frontmatter.group = GROUPS.find(([folder]) => file.startsWith(folder))[1];
  });
}

/**
 * The web page as the hub serves it: built files, read once and held in memory with what their compression made of them.
 * Files whose names carry a hash of their content never change and are kept by browsers for a year; the others are asked for
 * again each time and mostly answered with "not modified". The page may load nothing from anywhere else, nor run anything
 * that is not a file of it; the two frames in which mail is shown may run nothing at all.
 */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';

interface PageFile {
  readonly headers: Readonly<Record<string, string>>;
  readonly etag: string;
  /** By content coding; `identity` is always there. */
  readonly bodies: ReadonlyMap<string, Uint8Array>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.webmanifest': 'application/manifest+json',
  '.woff2': 'font/woff2',
};
/** The best first. */
const CODINGS = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob: data:",
  "font-src 'self'",
  "connect-src 'self'",
  "frame-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');
/** Of a frame for mail: the page fills it from outside; what it is filled with runs nothing and asks nobody. */
const framePolicy = (images: string): string =>
  [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `img-src ${images}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'self'",
    'sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox',
  ].join('; ');
const POLICIES: Readonly<Record<string, string>> = {
  '/mail-frame.html': framePolicy('blob: data:'),
  // For the mail whose remote pictures somebody has asked for.
  '/mail-frame-remote.html': framePolicy('blob: data: https: http:'),
};

const HASHED = /^\/assets\//;

export class Page {
  readonly #files: ReadonlyMap<string, PageFile>;

  private constructor(files: ReadonlyMap<string, PageFile>) {
    this.#files = files;
  }

  /** Undefined when none was built into the folder. */
  static async open(folder: string): Promise<Page | undefined> {
    const names = await namesOf(folder);
    const files = new Map<string, PageFile>();
    for (const name of names) {
      const type = TYPES[extname(name)];
      if (type === undefined) continue;
      const path = `/${relative(folder, name).split(sep).join('/')}`;
      files.set(path, await readPageFile(name, path, type, names));
    }
    const start = files.get('/index.html');
    if (start === undefined) return undefined;
    files.set('/', start);
    return new Page(files);
  }

  /** Whether the request was for a file of the page; it is answered then. */
  answer(request: IncomingMessage, response: ServerResponse): boolean {
    const file = this.#files.get((request.url ?? '/').split('?', 1)[0] as string);
    if (file === undefined) return false;
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      response.writeHead(405, { allow: 'GET, HEAD', 'content-length': 0 }).end();
      return true;
    }
    if (request.headers['if-none-match']?.includes(file.etag) === true) {
      response.writeHead(304, { etag: file.etag, 'cache-control': file.headers['cache-control'] }).end();
      return true;
    }
    const [coding, body] = codedFor(file, request.headers['accept-encoding']);
    response.writeHead(200, {
      ...file.headers,
      ...(coding === 'identity' ? {} : { 'content-encoding': coding }),
      'content-length': body.length,
    });
    response.end(request.method === 'HEAD' ? undefined : body);
    return true;
  }
}

async function namesOf(folder: string): Promise<ReadonlySet<string>> {
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return new Set(entries.filter((entry) => entry.isFile()).map(({ name, parentPath }) => join(parentPath, name)));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Set();
    throw error;
  }
}

async function readPageFile(name: string, path: string, type: string, names: ReadonlySet<string>): Promise<PageFile> {
  const plain = await readFile(name);
  const bodies = new Map<string, Uint8Array>([['identity', plain]]);
  for (const [coding, ending] of CODINGS)
    if (names.has(name + ending)) bodies.set(coding, await readFile(name + ending));
  const etag = `"${createHash('sha256').update(plain).digest('hex').slice(0, 20)}"`;
  return {
    etag,
    bodies,
    headers: {
      'content-type': type,
      'cache-control': HASHED.test(path) ? 'public, max-age=31536000, immutable' : 'no-cache',
      etag,
      vary: 'accept-encoding',
      'content-security-policy': POLICIES[path] ?? PAGE_POLICY,
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
      'permissions-policy': 'camera=(self), geolocation=(), microphone=()',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    },
  };
}

function codedFor({ bodies }: PageFile, accepted = ''): readonly [coding: string, body: Uint8Array] {
  const codings = new Set(
    accepted
      .split(',')
      .filter((word) => !/;\s*q=0(\.0*)?\s*$/.test(word))
      .map((word) => word.split(';', 1)[0]?.trim().toLowerCase()),
  );
  const coding = [...CODINGS.map(([name]) => name), 'identity'].find(
    (name) => bodies.has(name) && (name === 'identity' || codings.has(name)),
  ) as string;
  return [coding, bodies.get(coding) as Uint8Array];
}

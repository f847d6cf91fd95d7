/** Calls of one person's JMAP server: methods, blobs, and news of changes. */
import { bearer, type Login } from './login.ts';
import { COMPLETENESS, CORE, EVERY_ACCOUNT, MAIL, type Session, SUBMISSION } from './objects.ts';
import { ask, MethodRefusal, Refusal, refusalOf, Unreachable } from './refusal.ts';

export type MethodCall = readonly [name: string, args: object, id: string];
/** By the id of its call; where one call has several answers, the first. */
export type Answers = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

export interface UploadedBlob {
  readonly blobId: string;
  readonly type: string;
  readonly size: number;
}

const PING_SECONDS = 30;
/** Twice the hub's pings and some more: a line that is silent for longer is dead. */
const SILENCE_MS = 75_000;

export class Connection {
  readonly login: Login;
  readonly session: Session;

  private constructor(login: Login, session: Session) {
    this.login = login;
    this.session = session;
  }

  static async open(login: Login, signal?: AbortSignal): Promise<Connection> {
    const headers = { authorization: bearer(login) };
    const response = await ask('/.well-known/jmap', { headers, ...(signal === undefined ? {} : { signal }) });
    return new Connection(login, await response.json());
  }

  /** Throws MethodRefusal when one of them is refused; those in `mayFail` have no answer then. */
  async call(calls: readonly MethodCall[], mayFail: readonly string[] = []): Promise<Answers> {
    const using = [CORE, MAIL, SUBMISSION, COMPLETENESS, EVERY_ACCOUNT].filter(
      (urn) => urn in this.session.capabilities,
    );
    const response = await ask(here(this.session.apiUrl), {
      method: 'POST',
      headers: { authorization: bearer(this.login), 'content-type': 'application/json' },
      body: JSON.stringify({ using, methodCalls: calls }),
    });
    const { methodResponses } = (await response.json()) as {
      methodResponses: [string, Record<string, unknown>, string][];
    };
    const answers = new Map<string, Readonly<Record<string, unknown>>>();
    for (const [name, answer, id] of methodResponses) {
      if (name === 'error') {
        if (mayFail.includes(id)) continue;
        throw new MethodRefusal(String(answer.type), String(answer.description ?? answer.type));
      }
      if (!answers.has(id)) answers.set(id, answer);
    }
    return answers;
  }

  /** With progress, which `fetch` does not tell. */
  upload(
    accountId: string,
    file: Blob,
    onProgress: (share: number) => void,
    signal: AbortSignal,
  ): Promise<UploadedBlob> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const request = new XMLHttpRequest();
      request.open('POST', here(this.session.uploadUrl).replace('{accountId}', encodeURIComponent(accountId)));
      request.setRequestHeader('authorization', bearer(this.login));
      request.setRequestHeader('content-type', file.type || 'application/octet-stream');
      request.responseType = 'json';
      request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total);
      request.onload = () =>
        request.status === 201
          ? resolve(request.response as UploadedBlob)
          : refusalOf(responseOf(request)).then(reject, reject);
      request.onerror = () => reject(new Unreachable(undefined));
      request.onabort = () => reject(signal.reason);
      signal.addEventListener('abort', () => request.abort(), { once: true });
      request.send(file);
    });
  }

  async download(accountId: string, blobId: string, name: string, type: string): Promise<Blob> {
    const url = here(this.session.downloadUrl)
      .replace('{accountId}', encodeURIComponent(accountId))
      .replace('{blobId}', encodeURIComponent(blobId))
      .replace('{name}', encodeURIComponent(name))
      .replace('{type}', encodeURIComponent(type));
    return (await ask(url, { headers: { authorization: bearer(this.login) } })).blob();
  }

  /**
   * News, until the line is cut: throws Unreachable or Refusal then. An EventSource cannot say who it is, so the stream is
   * read by hand. `onOpen` comes first: what changed before it has to be asked for.
   */
  async watch(onOpen: () => void, onChange: () => void, signal: AbortSignal): Promise<void> {
    const silent = new AbortController();
    const both = AbortSignal.any([signal, silent.signal]);
    const url = here(this.session.eventSourceUrl)
      .replace('{types}', '*')
      .replace('{closeafter}', 'no')
      .replace('{ping}', String(PING_SECONDS));
    let timer = setTimeout(() => silent.abort(), SILENCE_MS);
    try {
      const response = await ask(url, { headers: { authorization: bearer(this.login) }, signal: both });
      if (response.body === null) throw new Unreachable(undefined);
      onOpen();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (;;) {
        const { done, value } = await reader.read();
        if (done) throw new Unreachable(undefined);
        clearTimeout(timer);
        timer = setTimeout(() => silent.abort(), SILENCE_MS);
        text += value;
        const events = text.split('\n\n');
        text = events.pop() ?? '';
        if (events.some((event) => /^event: ?state$/m.test(event))) onChange();
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      throw error instanceof Refusal ? error : new Unreachable(error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** What was asked for with progress and refused, as `fetch` would have it. */
function responseOf(request: XMLHttpRequest): Response {
  const { response, status, statusText } = request;
  const names = ['content-type', 'retry-after'];
  const headers = names.flatMap((name): [string, string][] => {
    const value = request.getResponseHeader(name);
    return value === null ? [] : [[name, value]];
  });
  return new Response(JSON.stringify(response), { status, statusText, headers });
}

/** The hub names its URLs as it believes to be reached; the page reaches it where it came from. */
function here(url: string): string {
  return url.replace(/^https?:\/\/[^/]+/, '');
}

/** A node's URL as people write it. */
import { CLIENT_PATH } from '../protocol/index.ts';
import { CliError } from './cli-error.ts';

/** A node's URL as a person writes it: `https:` for `wss:`, the path left out. Throws CliError `usage`. */
export function nodeUrlOf(text: string): string {
  const url = URL.canParse(text) ? new URL(text.replace(/^http/i, 'ws')) : undefined;
  if (url === undefined || !/^wss?:$/.test(url.protocol))
    throw new CliError('usage', `not a node's URL: ${text}`, {
      fix: 'Write it like wss://mail.home.example or ws://localhost:7896.',
    });
  return `${url.protocol}//${url.host}${url.pathname === '/' ? CLIENT_PATH : url.pathname}`;
}

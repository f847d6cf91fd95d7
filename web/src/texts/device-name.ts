/** What this window is called in the list of sessions: its browser and system. */
import { texts } from './texts.svelte.ts';

export function deviceName(): string {
  const agent = navigator.userAgent;
  const [, name = 'Browser'] = /(Firefox|Edg|OPR|Chrome|Safari)\//.exec(agent) ?? [];
  const [, system = ''] = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(agent) ?? [];
  return `${texts.t.pageOf} ${name.replace('Edg', 'Edge').replace('OPR', 'Opera')} ${system}`.trim();
}

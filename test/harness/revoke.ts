/** Revokes every session of somebody, as they would do it themselves. */
import { basic, http, PASSWORD } from './hub.ts';

export async function revokeAll(port: number, user: string): Promise<void> {
  const headers = basic(user, PASSWORD);
  const slots = JSON.parse((await http(port, '/hub/slots', { headers })).text) as { id: string; kind: string }[];
  for (const { id, kind } of slots)
    if (kind === 'session') await http(port, `/hub/slots/${id}`, { method: 'DELETE', headers });
}

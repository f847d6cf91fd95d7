/** Core/echo (RFC 8620, section 4): the arguments, as they came. */
import { CORE } from '../../protocol/capabilities.ts';
import type { Method } from '../call.ts';

export const coreEcho: Method = {
  name: 'Core/echo',
  capability: CORE,
  permission: 'read',
  run: (args) => [['Core/echo', args]],
};

/** What a control server is made of, once it is open. */
import type { IpcBusServer } from '../bus/ipc/ipc-server.ts';
import type { Component } from '../component/component.ts';
import type { Self } from '../component/correspondence.ts';
import type { Admission } from './admission.ts';
import type { Cluster } from './cluster.ts';
import type { HttpDoorDeps } from './http-door.ts';
import type { KeyRing } from './key-ring.ts';
import type { Listener } from './listener.ts';
import type { Reminders } from './reminders.ts';
import type { RunFolder } from './run-folder.ts';
import type { Sessions } from './sessions.ts';
import type { SlotKeeper } from './slot-keeper.ts';
import type { StrangerList } from './stranger-list.ts';
import type { Tickets } from './tickets.ts';
import type { UserFolders } from './user-folders.ts';
import type { UserServers } from './user-servers.ts';

export interface Parts {
  readonly admission: Admission;
  readonly cluster: Cluster;
  readonly component: Component;
  readonly doors: Pick<HttpDoorDeps, 'accountDoor' | 'operatorPage' | 'page' | 'passwordDoor' | 'slotDoor'>;
  readonly folders: UserFolders;
  readonly keyRing: KeyRing;
  readonly reminders: Reminders;
  readonly servers: UserServers;
  readonly sessions: Sessions;
  readonly slots: SlotKeeper;
  readonly strangers: StrangerList;
  readonly tickets: Tickets;
}

/** What another process needs of this one to take its place. */
export interface Passage {
  readonly self: Self;
  readonly ipc: IpcBusServer;
  readonly runFolder: RunFolder;
  readonly operatorListener: Listener;
}

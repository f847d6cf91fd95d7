/** One's own account as the settings show it: asked for when they open and after every change. */
import { PersonDoor, type PersonStatus } from '../jmap/person.ts';
import { refusalText } from '../texts/account/account-texts.svelte.ts';
import type { Mail } from './mail.svelte.ts';

export class Account {
  readonly door: PersonDoor;
  readonly mail: Mail;
  status = $state.raw<PersonStatus>();
  problem = $state('');
  isBusy = $state(false);

  constructor(mail: Mail) {
    this.mail = mail;
    this.door = new PersonDoor(mail.login);
  }

  /** Whether it was done; what went wrong is in `problem`. */
  async act(work: (door: PersonDoor) => Promise<unknown>): Promise<boolean> {
    this.isBusy = true;
    this.problem = '';
    try {
      await work(this.door);
      this.status = await this.door.status();
      return true;
    } catch (error) {
      this.problem = refusalText(error);
      return false;
    } finally {
      this.isBusy = false;
    }
  }

  load(): Promise<boolean> {
    return this.act(async () => undefined);
  }
}

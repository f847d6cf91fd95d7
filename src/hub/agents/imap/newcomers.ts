/**
 * Emails that were new in the look under way, or in the one before it, by the fingerprint of their header. One that is lost
 * when all folders were looked at may be among them: it moved to a folder that had been looked at before the one it left.
 */
import { NEWCOMERS_MAX } from './limits.ts';

export class Newcomers {
  #now = new Map<string, string>();
  #before = new Map<string, string>();

  /** A look begins. */
  turn(): void {
    this.#before = this.#now;
    this.#now = new Map();
  }

  add(fingerprint: string, emailId: string): void {
    if (this.#now.size < NEWCOMERS_MAX) this.#now.set(fingerprint, emailId);
  }

  take(fingerprint: string): string | undefined {
    const emailId = this.#now.get(fingerprint) ?? this.#before.get(fingerprint);
    this.#now.delete(fingerprint);
    this.#before.delete(fingerprint);
    return emailId;
  }
}

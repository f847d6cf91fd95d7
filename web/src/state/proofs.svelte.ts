/** What is proven of who wrote a message: asked of the hub once it is read, and again when a key was compared. */
import { SvelteMap } from 'svelte/reactivity';
import type { Email } from '../jmap/objects.ts';
import { PersonDoor, type ProofView } from '../jmap/person.ts';
import type { Line } from './line.svelte.ts';

/** As the texts name them. */
export type ProofKind =
  | 'verified'
  | 'logged'
  | 'unlogged'
  | 'changed'
  | 'mismatch'
  | 'unsigned'
  | 'bad'
  | 'unreadable'
  | 'own'
  | 'imported'
  | 'ordinary'
  | 'unknown';

/** What must not be overlooked. */
const LOUD: ReadonlySet<ProofKind> = new Set(['changed', 'mismatch', 'bad']);
const QUIET: ReadonlySet<ProofKind> = new Set(['verified', 'logged', 'own', 'unknown']);

export class Proofs {
  readonly #line: Line;
  readonly #door: PersonDoor;
  readonly #own: string;
  /** By email; null: ordinary mail in an encrypted account, such as a draft. */
  readonly #known = new SvelteMap<string, ProofView | null>();
  readonly #asked = new Set<string>();

  constructor(line: Line, login: ConstructorParameters<typeof PersonDoor>[0]) {
    this.#line = line;
    this.#door = new PersonDoor(login);
    this.#own = login.address;
  }

  get door(): PersonDoor {
    return this.#door;
  }

  of(emailId: string): ProofView | undefined {
    return this.#known.get(emailId) ?? undefined;
  }

  /** Asks for it, unless it was asked for before. What fails is asked for when the message is opened again. */
  want(emailId: string): void {
    if (this.#asked.has(emailId)) return;
    this.#asked.add(emailId);
    this.#line
      .attempt(() => this.#door.proof(emailId))
      .then(
        (proof) => this.#known.set(emailId, proof ?? null),
        (error: unknown) => {
          console.warn(error);
          this.#asked.delete(emailId);
        },
      );
  }

  /** Keys were judged anew. */
  forget(): void {
    this.#asked.clear();
    for (const emailId of [...this.#known.keys()]) this.want(emailId);
  }

  kindOf({ from, id }: Email): ProofKind {
    const proof = this.#known.get(id);
    if (proof === undefined) return 'unknown';
    if (proof === null) return 'own';
    if (proof.isOutside) return 'ordinary';
    const claimed = from?.[0]?.email.toLowerCase();
    if (proof.author === this.#own) return claimed === this.#own ? 'own' : 'imported';
    if (claimed !== proof.author) return 'mismatch';
    return judged(proof);
  }
}

export function isLoud(kind: ProofKind): boolean {
  return LOUD.has(kind);
}

export function isQuiet(kind: ProofKind): boolean {
  return QUIET.has(kind);
}

function judged({ key, proof }: ProofView): ProofKind {
  if (proof === 'unsigned' || proof === 'unreadable') return proof;
  if (proof !== 'verified') return 'bad';
  if (key?.alarm !== undefined && key.alarm !== 'key_not_logged') return 'changed';
  if (key?.trust === 'verified') return 'verified';
  return key?.logged === true ? 'logged' : 'unlogged';
}

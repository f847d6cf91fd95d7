/** Where the rows of the page's list stand, without a browser: as if all of the list were gone through with each page. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Listed, ListPlaces, type Order } from '../../web/src/state/list-places.ts';

const PAGE = 3;
/** Rows above what is looked at: positions are kept by 256, and these lists are at the edge of that. */
const ABOVE = 251;
/** More positions than there are. */
const POSITIONS = ABOVE + 20;

/** Every position with what stands there, looked at one by one. */
class Model {
  places: (Listed | undefined)[] = [];

  put(first: number, page: readonly Listed[], total: number): void {
    const keys = new Set(page.map(({ key }) => key));
    const stays = (one: Listed | undefined): boolean => one !== undefined && !keys.has(one.key);
    this.places = Array.from({ length: total }, (_, at) => (stays(this.places[at]) ? this.places[at] : undefined));
    for (const [index, one] of page.entries()) this.places[first + index] = one;
  }

  drop(keys: ReadonlySet<string>): void {
    this.places = this.places.filter((one) => one === undefined || !keys.has(one.key));
  }

  get ids(): readonly (string | undefined)[] {
    return this.places.map((one) => one?.id);
  }
}

/** The list at the hub: threads in an order, each shown by its newest email. */
const hubs = fc
  .uniqueArray(fc.integer({ min: 0, max: 11 }), { maxLength: 12 })
  .chain((threads) =>
    fc.tuple(...threads.map((thread) => fc.integer({ min: 0, max: 2 }).map((newest) => listed(thread, newest)))),
  );
const steps = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ hub: hubs, page: fc.nat(4) }) },
    { weight: 1, arbitrary: fc.record({ gone: fc.uniqueArray(fc.nat(11), { maxLength: 4 }) }) },
  ),
  { maxLength: 12 },
);

test('a page is placed, and threads leave, as in a list that is gone through whole', () => {
  fc.assert(
    fc.property(steps, (all) => {
      const places = new ListPlaces();
      const model = new Model();
      for (const step of all) {
        const before = places.order;
        const was = idsOf(before);
        let gone: ReadonlySet<string>;
        if ('hub' in step) {
          const page = step.hub.slice(step.page * PAGE, (step.page + 1) * PAGE);
          const first = ABOVE + step.page * PAGE;
          gone = places.put(first, page, ABOVE + step.hub.length);
          model.put(first, page, ABOVE + step.hub.length);
        } else {
          const keys = new Set(step.gone.map((thread) => `thread ${thread}`));
          gone = places.drop(keys);
          model.drop(keys);
        }
        expect(idsOf(places.order)).toEqual(shown(model.ids));
        expect(idsOf(before)).toEqual(was); // who has it still sees what it was
        expect([...gone].sort()).toEqual(was.filter((id) => id !== undefined && !model.ids.includes(id)).sort());
        for (const id of was) if (id !== undefined) expect(places.placeOf(id)).toBe(at(model.ids.indexOf(id)));
        for (let thread = 0; thread < 12; thread++)
          expect(places.positionOf(`thread ${thread}`)).toBe(
            at(model.places.findIndex((one) => one?.key === `thread ${thread}`)),
          );
      }
    }),
    { numRuns: 2_000 },
  );
});

function listed(thread: number, newest: number): Listed {
  return { id: `email ${newest} of ${thread}`, key: `thread ${thread}` };
}

function idsOf(order: Order): readonly (string | undefined)[] {
  return Array.from({ length: POSITIONS }, (_, position) => order.at(position));
}

function shown(ids: readonly (string | undefined)[]): readonly (string | undefined)[] {
  return Array.from({ length: POSITIONS }, (_, position) => ids[position]);
}

function at(index: number): number | undefined {
  return index < 0 ? undefined : index;
}

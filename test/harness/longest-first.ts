/**
 * Test files of a fresh clone, of which vitest knows no durations yet, would come by their size: one that is short and takes minutes
 * would begin last, and one core would wait for it alone.
 */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Minutes of one processor each. */
const LONGEST = [
  'test/sim/federation.test.ts',
  'test/interop/hypercore.test.ts',
  'test/interop/web-outbox.test.ts',
  'test/torture/fleet.test.ts',
  'test/cli/package.test.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = LONGEST.findIndex((path) => moduleId.endsWith(path));
      return place < 0 ? LONGEST.length : place;
    };
    // All of the long layer, whose files come first in any case.
    return (await super.sort(files)).sort((a, b) => placeOf(a) - placeOf(b));
  }
}

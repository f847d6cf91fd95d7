/** `npm run bench [NAME…]`: prints one JSON line a bench. Ratios are taken against a peer measured in the same run. */
import { benchSubmit } from './submit.ts';

const BENCHES: Record<string, () => Promise<Record<string, number | string>>> = { submit: benchSubmit };

const wanted = process.argv.slice(2);
for (const [name, bench] of Object.entries(BENCHES)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const result = await bench();
  const rounded = Object.entries(result).map(([key, value]) => [
    key,
    typeof value === 'number' ? Number(value.toPrecision(4)) : value,
  ]);
  process.stdout.write(`${JSON.stringify({ bench: name, ...Object.fromEntries(rounded) })}\n`);
}

import { mkdir, writeFile } from 'node:fs/promises';

/** Measures the cost of single calls against the peers, in one run: `npm run micro` or `npm run micro NAME`. */
const names = ['bounded-queue', 'circuit-breaker', 'concurrency', 'context', 'memory', 'rate-limiter'];
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !names.includes(name));
if (unknown !== undefined) throw new RangeError(`${unknown} must be one of ${names.join(', ')}`);

console.log(`Node ${process.version}, ${new Date().toISOString().slice(0, 10)}`);
const results: Record<string, unknown> = { node: process.version };
for (const name of wanted.length > 0 ? wanted : names) {
  const module = (await import(`./${name}.ts`)) as Readonly<Record<string, unknown>>;
  results[name] = module.measurements ?? module.bytesAKey;
}
await mkdir('results', { recursive: true });
if (wanted.length === 0) await writeFile('results/micro.json', `${JSON.stringify(results, null, 2)}\n`);
process.exit(0);

import { mkdir, writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { disciplines } from './disciplines.ts';
import { type Load, simulate } from './simulate.ts';

/** Compares queue disciplines by goodput in a deterministic simulation. */
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '30' }, out: { type: 'string', default: 'results' } },
});

const loads: Readonly<Record<string, Load>> = {
  '0.7x': () => 0.7,
  '0.9x': () => 0.9,
  '1.2x': () => 1.2,
  '2x': () => 2,
  '10x': () => 10,
  '0.5x, bursts of 0.2 s at 2x': (ms) => (ms % 2000 < 200 ? 2 : 0.5),
  '0.8x, a second in four at 3x': (ms) => (ms % 4000 < 1000 ? 3 : 0.8),
};

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const lines = [
  '# How calls wait',
  '',
  '8 permits, calls of 20 ms on average (exponential), Poisson arrivals. Callers go away after 500 ms; unless they tell so, they are',
  'served all the same. Answers in time are a share of all calls, or of those that the permits can serve where that is less.',
  `${values.seconds} simulated seconds each, on the virtual clock: the same on every machine.`,
];
for (const [name, load] of Object.entries(loads)) {
  lines.push('', `## ${name}`, '');
  lines.push('| queue | answers in time | done for nothing | p50 | p99 | p99 until rejected |');
  lines.push('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const discipline of disciplines) {
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${name}: ${discipline.name}`);
    const { goodput, wasted, p50Ms, p99Ms, rejectedP99Ms } = await simulate(
      discipline,
      load,
      Number(values.seconds),
    );
    lines.push(
      `| ${discipline.name} | ${percent(goodput)} | ${percent(wasted)} | ${p50Ms} ms | ${p99Ms} ms | ${rejectedP99Ms} ms |`,
    );
  }
}
if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
await mkdir(values.out, { recursive: true });
await writeFile(`${values.out}/queue-discipline.md`, `${lines.join('\n')}\n`);
console.log(lines.join('\n'));

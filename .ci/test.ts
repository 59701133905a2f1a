import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Runs every check and every test through Nx, and closes with how many tests passed, failed and were skipped, and why. */
const TARGETS = ['build', 'typecheck', 'lint', 'test', 'check-packages'];

const running = spawn(
  process.execPath,
  [
    'node_modules/nx/dist/bin/nx.js',
    'run-many',
    '-t',
    ...TARGETS,
    '--output-style=static',
    ...process.argv.slice(2),
  ],
  { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, FORCE_COLOR: '0' } },
);
const counts = { passed: 0, failed: 0, skipped: 0 };
const skipped: string[] = [];
const problems: string[] = [];

for await (const line of createInterface({ input: running.stdout })) {
  console.log(line);
  // vitest closes every project with a line such as "Tests  1 failed | 12 passed | 1 skipped (14)".
  if (/^ *Tests /.test(line)) {
    for (const [, count, kind] of line.matchAll(/(\d+) (passed|failed|skipped)/g)) {
      counts[kind as keyof typeof counts] += Number(count);
    }
  }
  if (/^ *Skipped /.test(line)) skipped.push(line.trim());
  if (/^ *(✖|×)|FAIL |Failed tasks|^ *- .*:(build|typecheck|lint|test|check-packages)$/.test(line))
    problems.push(line.trim());
}
const status = await new Promise<number>((resolve) => {
  if (running.exitCode !== null) resolve(running.exitCode);
  else running.once('exit', (code) => resolve(code ?? 1));
});

for (const problem of new Set(problems)) console.log(problem);
for (const line of skipped) console.log(line);
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = status;

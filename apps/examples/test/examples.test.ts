import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const folder = new URL('..', import.meta.url);

/** What an example prints, run as its Nx target runs it. */
async function run(name: string): Promise<string> {
  const { scripts } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [, ...args] = (scripts[name] ?? '').split(' ');
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: 30_000 });
  return stdout;
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

describe('examples', () => {
  it('rate-limiter: the burst and no more, each client for itself, and the time it was told is true', async () => {
    const output = await run('rate-limiter');
    expect(count(output, /^ada: served/gm)).toBe(4);
    expect(count(output, /^ada: refused, the next permit is due in \d+ ms/gm)).toBe(2);
    expect(output).toMatch(/bob: served/);
    expect(output).toMatch(/as she was told, and is served\nada: served/);
  });

  it('circuit-breaker: through all three states', async () => {
    const output = await run('circuit-breaker');
    expect(output).toMatch(
      /CLOSED -> OPEN[\s\S]*CIRCUIT_OPEN[\s\S]*OPEN -> HALF_OPEN[\s\S]*HALF_OPEN -> CLOSED/,
    );
    expect(count(output, /^failed: the gateway answers 500$/gm)).toBe(3);
    expect(count(output, /^paid$/gm)).toBe(3);
  });

  it('worker-pool: one refused, one shed for a more important one, all others done', async () => {
    const output = await run('worker-pool');
    expect(output).toMatch(/^f refused: QUEUE_FULL, ask again in \d+ ms$/m);
    expect(output).toMatch(/^e refused: SHED, ask again in \d+ ms$/m);
    expect(output.indexOf('urgent runs')).toBeLessThan(output.indexOf('c runs'));
    expect(count(output, / is done$/gm)).toBe(6);
    expect(output).toMatch(/6 jobs completed/);
  });

  it('request-context: children share what is left, and the end reaches everything below', async () => {
    const output = await run('request-context');
    expect(output).toMatch(/gets what is left: (50|100|150) ms/);
    expect(output).toMatch(/DEADLINE_EXCEEDED at 0 waiting/);
    expect(output).not.toMatch(/never printed/);
    expect(output).toMatch(/told on cancel: CANCELLED[\s\S]*before it began: true/);
  });
});

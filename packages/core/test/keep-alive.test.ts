import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';

const program = fileURLToPath(new URL('programs/close.ts', import.meta.url));

/** Runs the program in a process of its own, which exits when nothing keeps it alive. */
const run = async (...args: string[]): Promise<string> => {
  const options = ['--conditions=@bp/source', program, ...args];
  const { stdout } = await promisify(execFile)(process.execPath, options, { timeout: 30_000 });
  return stdout;
};

describe('a process without other work stays alive until close() has settled', () => {
  it.each([
    ['under top-level await', ['await', '30'], 'cancelled\nclosed\n'],
    ['with a callback', ['then', '30'], 'cancelled\nclosed\n'],
    ['without a bound, until the work ends', ['finish'], 'closed\n'],
  ])('%s', async (_name, args, output) => {
    expect(await run(...args)).toBe(output);
  });
});

import { describe, expect, it } from 'vitest';
import { readmePrograms, runProgram } from '../../../.config/readme.ts';

const readme = new URL('../README.md', import.meta.url);

describe('README', async () => {
  it.each(await readmePrograms(readme))('program %# prints what the README says', async (program) => {
    expect(await runProgram(program, readme)).toBe(program.output);
  });
});

import { describe, expect, it } from 'vitest';
import { readmePrograms, runProgram } from '../../../.config/readme.ts';
import { missingRedis, RedisServer } from './redis-server.ts';

const readme = new URL('../README.md', import.meta.url);

describe.skipIf(missingRedis !== undefined)('README', async () => {
  it.each(await readmePrograms(readme))('program %# prints what the README says', async (program) => {
    const server = await RedisServer.start();
    try {
      const source = program.source.replace('new Redis()', `new Redis(${server.port})`);
      expect(source).not.toBe(program.source);
      expect(await runProgram({ ...program, source }, readme)).toBe(program.output);
    } finally {
      await server.kill();
    }
  });
});

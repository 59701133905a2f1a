import { describe, expect, it } from 'vitest';
import { readmePrograms, runProgram } from '../../../.config/readme.ts';
import { missingRedis, RedisServer } from './redis-server.ts';

const readme = new URL('../README.md', import.meta.url);

describe.skipIf(missingRedis !== undefined)('README', async () => {
  it.each(await readmePrograms(readme))('program %# prints what the README says', async (program) => {
    const server = await RedisServer.start();
    try {
      // On a busy machine a reply may take longer than the default time-out, and calls would be decided locally.
      const source = program.source
        .replace('new Redis()', `new Redis(${server.port})`)
        .replace('rate: 2,', 'rate: 2, storeTimeoutMs: 20_000,');
      expect(source).toContain(`new Redis(${server.port})`);
      expect(source).toContain('storeTimeoutMs');
      expect(await runProgram({ ...program, source }, readme)).toBe(program.output);
    } finally {
      await server.kill();
    }
  });
});

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { missingRedis, RedisServer } from './redis-server.ts';

describe.skipIf(missingRedis !== undefined)('README', () => {
  it('shows a program that runs', async () => {
    const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8');
    const program = /```js\n(.*?)```/s.exec(readme)?.[1] ?? '';
    const server = await RedisServer.start();
    try {
      const source = program.replace('new Redis()', `new Redis(${server.port})`);
      expect(source).not.toBe(program);
      const { stderr } = await promisify(execFile)(
        process.execPath,
        ['--conditions=@bp/source', '--input-type=module', '--eval', `${source}\nprocess.exit(0);`],
        {
          cwd: new URL('..', import.meta.url),
          timeout: 30_000,
          env: { ...process.env, NO_COLOR: undefined, FORCE_COLOR: '0' },
        },
      );
      expect(stderr).toBe('');
    } finally {
      await server.kill();
    }
  });
});

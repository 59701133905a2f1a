import { execFile, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { startServer } from './server-process.ts';

const noCurl = ['bash', 'curl'].some((program) => spawnSync(program, ['--version']).error !== undefined);
if (noCurl) console.warn('skipped: the curl commands of the READMEs need bash and curl');

/** The bash blocks of a README that call curl. */
async function commandsOf(path: string): Promise<readonly string[]> {
  const readme = await readFile(new URL(path, import.meta.url), 'utf8');
  return [...readme.matchAll(/^```bash\n(.*?)^```$/gms)].flatMap(([, command = '']) =>
    command.includes('curl') ? [command] : [],
  );
}

/** Runs a command as written, with the address of `url` in place of the documented one. */
async function run(command: string, url: string): Promise<readonly string[]> {
  const script = command.replaceAll('http://localhost:3000', url);
  expect(script).not.toBe(command);
  const { stdout } = await promisify(execFile)('bash', ['-c', script], { timeout: 60_000 });
  return stdout.trim().split('\n');
}

describe.skipIf(noCurl).each(['../README.md', '../../../README.md'])('the commands of %s', (path) => {
  it('queue one order, and of twenty orders all until the limit', { timeout: 110_000 }, async () => {
    const [single = '', loop = '', ...others] = await commandsOf(path);
    expect(others).toEqual([]);
    const { url } = await startServer({ RATE_LIMIT_PER_SECOND: '1' });
    expect(await run(single, url)).toEqual(['{"message":"Order queued","orderId":"order-1","queueSize":0}']);

    const lines = await run(loop, url);
    expect(lines).toHaveLength(20);
    lines.slice(0, 10).forEach((line, i) => {
      const body = `{"message":"Order queued","orderId":"order-${i + 1}","queueSize":\\d+}`;
      expect(line).toMatch(new RegExp(`^${body}  202, Retry-After: ?$`));
    });
    // A slow machine may earn a token a second meanwhile.
    const rejected = lines.filter((line) => line.includes('429'));
    expect(rejected.length).toBeGreaterThan(0);
    for (const line of rejected) {
      const [, body, header] = /"retryAfter":(\d+)} {2}429, Retry-After: (\d+)$/.exec(line) ?? [];
      expect(line).toMatch(/^\{"error":"Rate limit exceeded",/);
      expect(header).toBe(body);
      expect(Number(body)).toBe(1);
    }
  });
});

import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';

const folder = new URL('..', import.meta.url);

/** Runs an example as its Nx target does. Returns what it prints. */
async function run(name: string, env: Record<string, string> = {}): Promise<string> {
  const { scripts } = JSON.parse(await readFile(new URL('package.json', folder), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const [, ...args] = (scripts[name] ?? '').split(' ');
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd: folder,
    timeout: 30_000,
    env: { ...process.env, ...env },
  });
  return stdout;
}

const noRedis = spawnSync('redis-server', ['--version']).error !== undefined;
if (noRedis) console.warn('skipped: redis-server is not installed (on Debian: apt-get install redis-server)');

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length;

describe('examples', () => {
  it('rate-limiter: admits the burst of each client, and again after the time of the rejection', async () => {
    const output = await run('rate-limiter');
    expect(count(output, /^ada: served/gm)).toBe(4);
    expect(count(output, /^ada: rejected, retry in \d+ ms/gm)).toBe(2);
    expect(output).toMatch(/bob: served/);
    expect(output).toMatch(/as the rejection said, and is served\nada: served/);
  });

  it('circuit-breaker: passes through all three states', async () => {
    const output = await run('circuit-breaker');
    expect(output).toMatch(
      /CLOSED -> OPEN[\s\S]*CIRCUIT_OPEN[\s\S]*OPEN -> HALF_OPEN[\s\S]*HALF_OPEN -> CLOSED/,
    );
    expect(count(output, /^failed: the gateway answers 500$/gm)).toBe(3);
    expect(count(output, /^paid$/gm)).toBe(3);
  });

  it('worker-pool: rejects one job, sheds one for a higher priority and completes the others', async () => {
    const output = await run('worker-pool');
    expect(output).toMatch(/^f rejected: QUEUE_FULL, retry in \d+ ms$/m);
    expect(output).toMatch(/^e rejected: SHED, retry in \d+ ms$/m);
    expect(output.indexOf('urgent runs')).toBeLessThan(output.indexOf('c runs'));
    expect(count(output, / is done$/gm)).toBe(6);
    expect(output).toMatch(/6 jobs completed/);
  });

  it('consume: pulls from a generator and a stream no faster than two workers work', async () => {
    const output = await run('consume');
    expect(output).toMatch(/^6 pages drawn, at most 2 made and not yet done$/m);
    expect(output.indexOf('thumbnail of 1')).toBeLessThan(output.indexOf('page 3 is made'));
    expect(output).toMatch(/^4 chunks drawn$/m);
    expect(count(output, /^thumbnail of /gm)).toBe(10);
  });

  it('request-context: children share the remaining time and the cancellation', async () => {
    const output = await run('request-context');
    expect(output).toMatch(/gets the remaining (250|500|750) ms/);
    expect(output).toMatch(/DEADLINE_EXCEEDED with 0 queries waiting/);
    expect(output).not.toMatch(/never printed/);
    expect(output).toMatch(/notified of the cancellation: CANCELLED[\s\S]*done at once: true/);
  });

  it('shared-rate-limit: says what to start if there is no Redis', async () => {
    // Nothing listens on port 1.
    const missing = await run('shared-rate-limit', { REDIS_URL: 'redis://127.0.0.1:1' }).catch(
      ({ stdout }: { stdout: string }) => stdout,
    );
    expect(missing).toMatch(/no Redis at redis:\/\/127.0.0.1:1. Start one \(redis-server\)/);
  });

  it.skipIf(noRedis)('shared-rate-limit: two processes together stay within one limit', async () => {
    const port = await freePort();
    const redis = spawn('redis-server', ['--port', `${port}`, '--bind', '127.0.0.1', '--save', '']);
    try {
      const output = await vi.waitUntil(
        () => run('shared-rate-limit', { REDIS_URL: `redis://127.0.0.1:${port}` }).catch(() => undefined),
        { timeout: 30_000 },
      );
      const [, together, limit] = /together (\d+), .*: (\d+)$/m.exec(output) ?? [];
      expect(Number(together)).toBeGreaterThan(0);
      // The processes start and stop a little apart.
      expect(Number(together)).toBeLessThanOrEqual(Number(limit) * 1.5);
    } finally {
      redis.kill('SIGKILL');
    }
  });
});

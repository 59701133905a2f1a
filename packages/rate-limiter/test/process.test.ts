import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';

/** Runs `program` as a module in a process of its own; returns its output and exit code. */
async function run(program: string): Promise<{ output: string; code: number }> {
  const source = `import { AllOf, TokenBucket } from ${JSON.stringify(new URL('../src/index.ts', import.meta.url))};
    const bucket = new TokenBucket({ rate: 1e-6, burst: 1 });
    bucket.tryAcquire();
    ${program}`;
  const child = spawn(
    process.execPath,
    ['--conditions=@bp/source', '--disable-warning=ExperimentalWarning', '--input-type=module', '-e', source],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    output += chunk;
  });
  const [code] = (await once(child, 'close')) as [number];
  return { output, code };
}

describe('the process', { timeout: 60_000 }, () => {
  it('lives until close has settled, also when the deadlines of the waiting calls are far away', async () => {
    const program = `const deadline = performance.now() + 1e9;
      bucket.setLimit({ rate: 0.001 });
      const call = bucket.acquire().catch((error) => error.code);
      await bucket.close({ withinMs: 20 });
      console.log(await call);`;
    expect(await run(program)).toEqual({ output: 'SHUTTING_DOWN\n', code: 0 });
  });

  it('lives while a call waits for tokens, and is not kept alive by a limiter without waiting calls', async () => {
    const program = `bucket.setLimit({ rate: 20 });
      const all = new AllOf({ limits: [bucket] });
      all.acquire({ deadline: performance.now() + 1e6 }).then(() => console.log('admitted'));`;
    expect(await run(program)).toEqual({ output: 'admitted\n', code: 0 });
  });
});

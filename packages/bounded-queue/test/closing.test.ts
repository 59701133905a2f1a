import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { runProgram } from '../../../.config/readme.ts';
import { BoundedQueue } from '../src/index.ts';

const run = (source: string): Promise<string> =>
  runProgram(
    { source: `import { BoundedQueue } from '@bp/bounded-queue';\n${source}`, output: '' },
    new URL('../README.md', import.meta.url),
  );

describe('the process', () => {
  it('stays alive until close has settled', async () => {
    const source = `
      const queue = new BoundedQueue({ capacity: 2, onDrop: (item, { code }) => console.log(item, code) });
      queue.tryPush('a');
      await queue.close({ withinMs: 50 });
      console.log('closed');`;
    expect(await run(source)).toBe('a SHUTTING_DOWN\nclosed\n');
  });

  it('stays alive until drain has settled', async () => {
    const source = `
      const queue = new BoundedQueue({ capacity: 2 });
      queue.tryPush('a');
      await queue.drain({ withinMs: 50 }).catch(({ code }) => console.log(code));`;
    expect(await run(source)).toBe('DEADLINE_EXCEEDED\n');
  });

  it('does not stay alive for calls that wait for another caller, nor for deadlines', async () => {
    const source = `
      const queue = new BoundedQueue({ capacity: 1, maxWaitingProducers: 1 });
      queue.take({ deadline: performance.now() + 60_000 }).catch(() => {});
      const full = new BoundedQueue({ capacity: 1, maxWaitingProducers: 1 });
      full.tryPush('a', { deadline: performance.now() + 60_000 });
      full.push('b').catch(() => {});
      console.log('done');`;
    expect(await run(source)).toBe('done\n');
  });
});

describe('close', () => {
  it.each([
    [{ deadline: 10 }, 'unknown option deadline'],
    [{ withinMs: -1 }, 'withinMs'],
    [{ withinMs: Number.NaN }, 'withinMs'],
    [10, 'options must be an object'],
  ])('with %j rejects, and the queue stays open', async (options, message) => {
    const queue = new BoundedQueue<string>({ capacity: 2 });
    await expect(queue.close(options as never)).rejects.toThrow(message);
    expect(queue.tryPush('a')).toBe(true);
  });

  it('ends sooner if a later call says so, or its signal is aborted', async () => {
    for (const end of ['withinMs', 'signal'] as const) {
      const clock = new VirtualClock();
      const queue = new BoundedQueue<string>({ capacity: 2, clock });
      queue.tryPush('a');
      const controller = new AbortController();
      const closed = queue.close({ signal: controller.signal });
      if (end === 'signal') controller.abort();
      else void queue.close({ withinMs: 0 });
      await closed;
      expect(queue.stats()).toMatchObject({ size: 0, dropped: 1 });
      expect(clock.pendingTimers).toBe(0);
    }
  });
});

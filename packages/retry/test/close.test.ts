import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { failing, setup } from './retry-harness.ts';

describe('closing a Retry', () => {
  it('ends pauses with the last error, lets attempts finish, and rejects new calls', async () => {
    const { clock, retrying } = setup();
    const error = new Error('down');
    const waiting = retrying.execute(failing(clock, error).fn).catch((reason) => reason);
    let finish = (_: string): void => {};
    const running = retrying.execute(() => new Promise<string>((resolve) => (finish = resolve)));
    await clock.advance(0);

    let closed = false;
    const closing = retrying.close().then(() => (closed = true));
    expect(await waiting).toBe(error);
    await expect(retrying.execute(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
    await clock.advance(0);
    expect(closed).toBe(false);
    finish('late but good');
    expect(await running).toBe('late but good');
    await closing;
    await retrying.close();
    expect(clock.pendingTimers).toBe(0);
  });

  it('begins no other attempt after one that fails meanwhile', async () => {
    const { clock, retrying } = setup();
    let fail = (_: Error): void => {};
    const running = retrying.execute(() => new Promise<string>((_, reject) => (fail = reject)));
    const closing = retrying.close();
    fail(new Error('last'));
    await expect(running).rejects.toThrow('last');
    await closing;
    expect(clock.pendingTimers).toBe(0);
  });

  it('waits at most withinMs', async () => {
    const { clock, retrying } = setup();
    void retrying.execute(() => new Promise(() => {}));
    let closed = false;
    void retrying.close({ withinMs: 100 }).then(() => (closed = true));
    await clock.advance(99);
    expect(closed).toBe(false);
    await clock.advance(1);
    expect(closed).toBe(true);
    await retrying.close({ withinMs: 0 });
    expect(clock.pendingTimers).toBe(0);
  });

  it('ends early with its signal', async () => {
    const { retrying } = setup();
    void retrying.execute(() => new Promise(() => {}));
    const controller = new AbortController();
    const closing = retrying.close({ signal: controller.signal });
    controller.abort();
    await closing;
  });

  it('does not begin with wrong options', async () => {
    const { retrying } = setup();
    await expect(retrying.close({ deadline: 100 } as never)).rejects.toThrow(/unknown option deadline/);
    await expect(retrying.close({ withinMs: -1 })).rejects.toThrow(/withinMs/);
    await expect(retrying.execute(() => 1)).resolves.toBe(1);
  });

  it.each(['onRetry of the Retry', 'onRetry of the call', 'classify'])(
    'in %s ends the pause at once, with the last error',
    async (where) => {
      const { clock, retrying } = setup();
      const error = new Error('down');
      let closed: Promise<void> | undefined;
      const close = (): undefined => {
        closed = retrying.close();
      };
      if (where === 'onRetry of the Retry') retrying.onRetry(close);
      const options = where === 'onRetry of the call' ? { onRetry: close } : { classify: close };
      const call = retrying.execute(
        failing(clock, error).fn,
        undefined,
        where === 'onRetry of the Retry' ? undefined : options,
      );
      await expect(call).rejects.toBe(error);
      await closed;
      expect(clock.now()).toBe(0);
      expect(clock.pendingTimers).toBe(0);
      expect(retrying.stats()).toMatchObject({ active: 0, paused: 0, attempts: 1 });
    },
  );

  it('a call that is cancelled in onRetry does not pause either', async () => {
    const { clock, retrying } = setup();
    const controller = new AbortController();
    retrying.onRetry(() => controller.abort('enough'));
    const call = retrying.execute(failing(clock, new Error('down')).fn, controller);
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' });
    expect(clock.pendingTimers).toBe(0);
  });

  it('is called by disposing', async () => {
    const { retrying } = setup();
    await retrying[Symbol.asyncDispose]();
    await expect(retrying.execute(() => 1)).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

describe('a process with nothing else to do', () => {
  /** Runs a program in a process of its own and returns what it printed. */
  const run = async (program: string): Promise<string> =>
    (
      await promisify(execFile)(
        process.execPath,
        ['--conditions=@bp/source', '--input-type=module', '--eval', program],
        { cwd: new URL('.', import.meta.url), timeout: 30_000 },
      )
    ).stdout;
  const start = `
    import { Retry } from '@bp/retry';
    const retry = new Retry({ backoffMs: 20 });`;

  it('stays alive until close() has settled', async () => {
    const program = `${start}
      void retry.execute(() => new Promise(() => {}));
      retry.close({ withinMs: 50 }).then(() => console.log('closed'));`;
    expect(await run(program)).toBe('closed\n');
  });

  it('stays alive during a pause', async () => {
    const program = `${start}
      retry.execute((_, attempt) => {
        if (attempt === 1) throw new Error('down');
        console.log('attempt', attempt);
      });`;
    expect(await run(program)).toBe('attempt 2\n');
  });
});

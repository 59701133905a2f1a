import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { answer, scripted } from './scripted-fetch.ts';

const URL_A = 'https://a.example/orders';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

describe('cancellation of a fetch', () => {
  it.each([
    ['init.signal', (signal: AbortSignal): [string | Request, RequestInit] => [URL_A, { signal }]],
    [
      'the signal of the Request',
      (signal: AbortSignal): [string | Request, RequestInit] => [new Request(URL_A, { signal }), {}],
    ],
  ])('through %s rejects with its reason, in an attempt and in a pause', async (_, call) => {
    for (const step of ['hang', 503] as const) {
      const { clock, fetch, seen } = scripted([step]);
      const controller = new AbortController();
      const reason = new Error('the user left');
      const response = fetch(...call(controller.signal)).catch((error) => error);
      await clock.advance(50);
      controller.abort(reason);
      expect(await response, String(step)).toBe(reason);
      expect(seen).toHaveLength(1);
      expect(clock.pendingTimers).toBe(0);
      expect(fetch.stats()).toMatchObject({ active: 0, paused: 0 });
    }
  });

  it('before the call rejects with the reason, without an attempt', async () => {
    const { fetch, seen } = scripted([]);
    await expect(fetch(URL_A, { signal: AbortSignal.abort('no') })).rejects.toBe('no');
    expect(seen).toHaveLength(0);
  });

  it('through the context rejects with CANCELLED', async () => {
    for (const step of ['hang', 503] as const) {
      const { clock, fetch } = scripted([step]);
      const controller = new AbortController();
      const ctx = { signal: controller.signal, deadline: 10_000 };
      const response = fetch(URL_A, {}, ctx).catch((error) => error);
      await clock.advance(50);
      controller.abort('enough');
      expect(await response, String(step)).toMatchObject({ code: 'CANCELLED', cause: 'enough' });
      expect(clock.pendingTimers).toBe(0);
      expect(listeners(controller.signal)).toBe(0);
    }
  });

  it('works through both at once', async () => {
    for (const by of ['caller', 'context'] as const) {
      const { clock, fetch, seen } = scripted(['hang']);
      const controllers = { caller: new AbortController(), context: new AbortController() };
      const { caller, context } = controllers;
      const response = fetch(URL_A, { signal: caller.signal }, { signal: context.signal }).catch(
        (error) => error,
      );
      await clock.advance(0);
      controllers[by].abort(by);
      const error = await response;
      if (by === 'caller') expect(error).toBe('caller');
      else expect(error).toMatchObject({ code: 'CANCELLED' });
      expect(seen[0]?.init.signal?.reason).toBe(by);
      expect(listeners(caller.signal) + listeners(context.signal)).toBe(0);
    }
  });

  it('works through onDone where the context has no signal', async () => {
    const { clock, fetch, seen } = scripted(['hang']);
    /** As a class would have it: its methods need their object. */
    const ctx = {
      listeners: new Set<(reason: unknown) => void>(),
      onDone(listener: (reason: unknown) => void): () => void {
        this.listeners.add(listener);
        return () => this.listeners.delete(listener);
      },
    };
    const response = fetch(URL_A, {}, ctx).catch((error) => error);
    await clock.advance(0);
    for (const listener of ctx.listeners) listener('gone');
    expect(await response).toMatchObject({ code: 'CANCELLED', cause: 'gone' });
    expect(seen[0]?.init.signal?.aborted).toBe(true);
    expect(ctx.listeners.size).toBe(0);
  });

  it('still cancels the body of the response', async () => {
    const { fetch, seen } = scripted([answer(200), answer(200)], { attemptTimeoutMs: 1000 });
    for (const both of [true, false]) {
      const controller = new AbortController();
      const ctx = { signal: new AbortController().signal };
      await fetch(URL_A, { signal: controller.signal }, both ? ctx : undefined);
      controller.abort('stop reading');
      expect(seen.at(-1)?.init.signal?.reason).toBe('stop reading');
    }
  });
});

describe('a signal that outlives many calls', () => {
  it('keeps nothing of failed attempts and calls, nor of responses without a body', async () => {
    const { clock, fetch } = scripted(
      [503, new Error('down'), new Response(null), 503, 'hang', new Error('x')],
      {
        attemptTimeoutMs: 500,
      },
    );
    const { signal } = new AbortController();
    const ctx = { signal: new AbortController().signal, deadline: 100_000 };
    for (let i = 0; i < 2; i++) {
      const response = fetch(URL_A, { signal }, ctx).catch(() => {});
      await clock.advance(5000);
      await response;
      expect(listeners(signal) + listeners(ctx.signal), `call ${i}`).toBe(0);
    }
    expect(clock.pendingTimers).toBe(0);
  });

  it('keeps nothing of a failed attempt during the pause', async () => {
    for (const step of [503, new Error('down')]) {
      const { clock, fetch } = scripted([step], { attemptTimeoutMs: 500 });
      const { signal } = new AbortController();
      const response = fetch(URL_A, { signal });
      await clock.advance(50);
      expect(listeners(signal), `${step}: that of the wait`).toBe(1);
      expect(clock.pendingTimers, `${step}: that of the wait`).toBe(1);
      await clock.advance(50);
      await response;
    }
  });

  it('keeps nothing of a response whose body was collected', async () => {
    const { gc } = globalThis as { gc?: () => void };
    if (gc === undefined) throw new Error('needs --expose-gc');
    const { signal } = new AbortController();
    const { fetch } = scripted([], { attemptTimeoutMs: 1000 });
    const call = async (): Promise<void> => {
      await (await fetch(URL_A, { signal })).text();
    };
    for (let i = 0; i < 100; i++) await call();
    expect(listeners(signal)).toBeGreaterThan(0);
    for (let i = 0; i < 50 && listeners(signal) > 0; i++) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    // The engine may still hold a few in its registers.
    expect(listeners(signal)).toBeLessThan(5);
  });
});

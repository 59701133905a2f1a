import { VirtualClock } from '@bp/core/testing';
import { describe, expect, expectTypeOf, it, vi } from 'vitest';
import { bindContext, currentContext, runWithContext, tryCurrentContext } from '../src/async-local/index.ts';
import { RequestContext } from '../src/index.ts';

describe('the current context', () => {
  it('is visible to everything that is awaited within, and nowhere else', async () => {
    const contexts = [new RequestContext(), new RequestContext()];
    const seen = await Promise.all(
      contexts.map((ctx) =>
        runWithContext(ctx, async () => {
          await Promise.resolve();
          await new Promise((resolve) => setImmediate(resolve));
          return currentContext();
        }),
      ),
    );
    expect(seen[0]).toBe(contexts[0]);
    expect(seen[1]).toBe(contexts[1]);
    expect(tryCurrentContext()).toBeUndefined();
    expect(() => currentContext()).toThrow('there is no current context: call it within runWithContext()');
  });

  it('can be replaced within, and is the outer one again afterwards', () => {
    const outer = new RequestContext();
    const child = outer.child({ timeoutMs: 5 });
    const result = runWithContext(outer, () => {
      expect(runWithContext(child, currentContext)).toBe(child);
      expect(currentContext()).toBe(outer);
      return 'result';
    });
    expect(result).toBe('result');
    expectTypeOf(result).toEqualTypeOf<string>();
  });

  it('is the same for every copy of the package', async () => {
    vi.resetModules();
    const copy = await import('../src/async-local/index.ts');
    expect(copy.currentContext).not.toBe(currentContext);
    const ctx = new RequestContext();
    expect(runWithContext(ctx, copy.currentContext)).toBe(ctx);
  });
});

describe('bindContext', () => {
  it('keeps the context for a callback that is called later', () => {
    const clock = new VirtualClock();
    const [one, other] = [new RequestContext({ clock }), new RequestContext({ clock })];
    const waiting = runWithContext(one, () =>
      bindContext((a: number, b: number) => [currentContext(), a + b]),
    );
    const [seen, sum] = runWithContext(other, () => waiting(1, 2));
    expect(seen).toBe(one);
    expect(sum).toBe(3);
    expect(tryCurrentContext()).toBeUndefined();
  });

  it('keeps the absence of a context', () => {
    const bound = bindContext(tryCurrentContext);
    expect(runWithContext(new RequestContext(), bound)).toBeUndefined();
  });

  it('binds a listener that a shared timer calls', () => {
    const clock = new VirtualClock();
    const seen: unknown[] = [];
    const ctx = new RequestContext({ timeoutMs: 10, clock });
    runWithContext(ctx, () => ctx.onDone(bindContext(() => seen.push(currentContext()))));
    runWithContext(new RequestContext(), () => clock.advanceSync(10));
    expect(seen[0]).toBe(ctx);
  });
});

import { describe, expect, it } from 'vitest';
import { currentContext, runWithContext, tryCurrentContext } from '../src/async-local/index.ts';
import { RequestContext } from '../src/index.ts';

describe('the current context', () => {
  it('is there for all that is awaited within, and nowhere else', async () => {
    const one = new RequestContext();
    const other = new RequestContext();
    const seen = await Promise.all(
      [one, other].map((ctx) =>
        runWithContext(ctx, async () => {
          await Promise.resolve();
          return currentContext();
        }),
      ),
    );
    expect(seen).toEqual([one, other]);
    expect(seen[0]).toBe(one);
    expect(tryCurrentContext()).toBeUndefined();
    expect(() => currentContext()).toThrow('runWithContext()');
  });
});

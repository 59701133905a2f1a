import { describe, expect, expectTypeOf, it } from 'vitest';
import { type CallContext, compose, type Policy, RejectedError } from '../src/index.ts';

/** A policy that logs its calls and may change the context. */
function logged(name: string, log: string[], change = (ctx: CallContext) => ctx): Policy {
  return {
    async execute(fn, ctx = {}) {
      log.push(`> ${name}`);
      try {
        return await fn(change(ctx));
      } finally {
        log.push(`< ${name}`);
      }
    },
  };
}

describe('compose', () => {
  it('puts the first outermost', async () => {
    const log: string[] = [];
    const policy = compose(logged('a', log), logged('b', log), logged('c', log));
    await policy.execute(() => log.push('work'));
    expect(log).toEqual(['> a', '> b', '> c', 'work', '< c', '< b', '< a']);
  });

  it('passes the context of each policy to the next one and to the work', async () => {
    const log: string[] = [];
    const seen: CallContext[] = [];
    const lower = (ctx: CallContext) => {
      seen.push(ctx);
      return { ...ctx, priority: (ctx.priority ?? 0) - 1 };
    };
    const policy = compose(logged('a', log, lower), logged('b', log, lower));
    await policy.execute((ctx) => seen.push(ctx), { priority: 5 });
    expect(seen.map((ctx) => ctx.priority)).toEqual([5, 4, 3]);
  });

  it('passes an empty context if the call has none', async () => {
    const log: string[] = [];
    await compose(logged('a', log)).execute((...args: unknown[]) => expect(args).toEqual([{}]));
    expect(log).toEqual(['> a', '< a']);
  });

  it('passes results, errors and rejections on untouched', async () => {
    const log: string[] = [];
    const policy = compose(logged('a', log), logged('b', log));
    const result = { some: 'result' };
    await expect(policy.execute(() => result)).resolves.toBe(result);
    const error = new Error('of the work');
    await expect(policy.execute(() => Promise.reject(error))).rejects.toBe(error);
    const rejection = new RejectedError('SHED', 'b');
    const rejecting: Policy = { execute: () => Promise.reject(rejection) };
    await expect(compose(logged('a', log), rejecting).execute(() => result)).rejects.toBe(rejection);
  });

  it('does not begin the work that an outer policy rejects', async () => {
    const rejecting: Policy = { execute: () => Promise.reject(new RejectedError('SHED', 'outer')) };
    let ran = false;
    const call = compose(rejecting, logged('inner', [])).execute(() => {
      ran = true;
    });
    await expect(call).rejects.toMatchObject({ code: 'SHED' });
    expect(ran).toBe(false);
  });

  it('rejects if the work or a policy throws synchronously', async () => {
    const throwing: Policy = {
      execute: () => {
        throw new Error('of the policy');
      },
    };
    await expect(compose(throwing).execute(() => 1)).rejects.toThrow('of the policy');
    const work = (): never => {
      throw new Error('of the work');
    };
    await expect(compose().execute(work)).rejects.toThrow('of the work');
    await expect(compose(logged('a', [])).execute(work)).rejects.toThrow('of the work');
  });

  it('nests, is not affected by other calls, and may be empty', async () => {
    const log: string[] = [];
    const policies = [logged('a', log), compose(logged('b', log), compose())];
    const policy = compose(...policies, logged('c', log));
    policies.length = 0;
    await Promise.all([policy.execute(() => 1), policy.execute(() => 2)]);
    expect(log.filter((line) => line.startsWith('>')).sort()).toEqual([
      '> a',
      '> a',
      '> b',
      '> b',
      '> c',
      '> c',
    ]);
    await expect(compose().execute((ctx) => ctx, { priority: 3 })).resolves.toEqual({ priority: 3 });
  });

  it.each([undefined, null, {}, () => {}, { execute: true }])('rejects %o as a policy', (other) => {
    expect(() => compose(logged('a', []), other as unknown as Policy)).toThrow(
      new TypeError('policies[1] must have an execute() method'),
    );
  });

  it('knows the types of context and result', () => {
    const policy = compose();
    expectTypeOf(policy.execute(() => 1)).toEqualTypeOf<Promise<number>>();
    expectTypeOf(policy.execute(async (ctx) => `${ctx.priority}`, { priority: 1 })).toEqualTypeOf<
      Promise<string>
    >();
    // A function that needs more than a policy promises is no work for a policy.
    // @ts-expect-error -- `priority` may be absent
    policy.execute((ctx: { priority: number }) => ctx.priority, { priority: 1 });
  });
});

import { type CallContext, compose, type Policy } from '@bp/core';
import { deriveContext } from '@bp/core/kit';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { contextKey, RequestContext, timeout } from '../src/index.ts';

const DEFINED = ['signal', 'deadline', 'onDone', 'doneReason', 'derive', 'end', 'timeLimitMs'];

/** A plain context: the known fields, and whatever else an application puts there. */
const context = fc
  .tuple(
    fc.record(
      {
        key: fc.string(),
        priority: fc.double({ noNaN: true }),
        cost: fc.double({ min: 0.1, noNaN: true }),
        deadline: fc.integer({ min: 1, max: 1000 }),
      },
      { requiredKeys: [] },
    ),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'tenant')), fc.anything()),
  )
  .map(([known, others]): CallContext => {
    const free = Object.entries(others).filter(([name]) => !DEFINED.includes(name) && !(name in known));
    return Object.fromEntries([...free, ...Object.entries(known)]);
  });

/** A policy of an application, which derives a context as the primitives do. */
const wrapper = (clock: VirtualClock): Policy => ({
  async execute(fn, ctx) {
    const derived = deriveContext(ctx, { clock, name: 'wrapper' });
    try {
      return await fn(derived);
    } finally {
      derived.end();
    }
  },
});

describe('composed policies', () => {
  it('keep the key and every other field of a plain context', async () => {
    const policies = fc.array(fc.constantFrom('timeout' as const, 'wrapper' as const), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(context, policies, async (ctx, kinds) => {
        const clock = new VirtualClock();
        const make = { timeout: () => timeout({ timeoutMs: 500, clock }), wrapper: () => wrapper(clock) };
        const policy = compose(...kinds.map((kind) => make[kind]()));
        await policy.execute((inner) => {
          for (const name of Object.keys(ctx).filter((field) => field !== 'deadline')) {
            const field = Object.getOwnPropertyDescriptor(inner, name);
            expect(field?.value, name).toBe(Object.getOwnPropertyDescriptor(ctx, name)?.value);
          }
          const bound = kinds.includes('timeout') ? 500 : Number.POSITIVE_INFINITY;
          const deadline = Math.min(bound, ctx.deadline ?? Number.POSITIVE_INFINITY);
          expect(inner.deadline ?? Number.POSITIVE_INFINITY).toBe(deadline);
        }, ctx);
        expect(clock.pendingTimers).toBe(0);
      }),
    );
  });

  it('keep the values, key, priority and cost of a RequestContext', async () => {
    const clock = new VirtualClock();
    const user = contextKey<string>('user');
    const request = new RequestContext({ key: 'ann', priority: 2, cost: 3, clock }).with(user, 'ada');
    const policy = compose(
      timeout({ timeoutMs: 500, clock }),
      wrapper(clock),
      timeout({ timeoutMs: 90, clock }),
    );
    await policy.execute((inner) => {
      expect(inner).toMatchObject({ key: 'ann', priority: 2, cost: 3, deadline: 90, timeLimitMs: 90 });
      expect((inner as RequestContext).get(user)).toBe('ada');
    }, request);
    expect(clock.pendingTimers).toBe(0);
  });

  it('cancel a copy of their context, too', async () => {
    const clock = new VirtualClock();
    let copy: CallContext = {};
    const policy = timeout({ timeoutMs: 50, clock });
    const call = policy.execute(
      (ctx) => {
        copy = { ...ctx, cost: 2 };
        return new Promise(() => {});
      },
      { key: 'ann' },
    );
    const rejected = expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await clock.advance(50);
    await rejected;
    expect(copy).toMatchObject({ key: 'ann', cost: 2 });
    expect(copy.signal?.aborted).toBe(true);
  });
});

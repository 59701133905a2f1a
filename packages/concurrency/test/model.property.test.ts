import { isRejected } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

const MAX_QUEUE = 4;

interface Call {
  readonly id: number;
  readonly cost: number;
  readonly priority: number;
  state: string;
}

/** A model of the limiter made of lists that are searched. */
class Model {
  limit = 3;
  highest = 3;
  closed = false;
  readonly calls: Call[] = [];

  in(state: string): Call[] {
    return this.calls.filter((call) => call.state === state);
  }

  get active(): number {
    return this.in('runs').reduce((sum, { cost }) => sum + cost, 0);
  }

  call(cost: number, priority: number): void {
    const call = { id: this.calls.length, cost, priority, state: 'waits' };
    const before = this.in('waits');
    this.calls.push(call);
    if (cost > this.highest) call.state = 'RangeError';
    else if (this.closed) call.state = 'SHUTTING_DOWN';
    else if (this.limit > 0 && cost > this.limit) call.state = 'CONCURRENCY_LIMIT';
    else if (before.length === MAX_QUEUE) {
      const least = Math.min(...before.map((other) => other.priority));
      const victim = before.filter((other) => other.priority === least).at(-1);
      if (victim === undefined || least >= priority) call.state = 'QUEUE_FULL';
      else victim.state = 'SHED';
    } else if (before.length === 0 && this.active + cost <= this.limit) call.state = 'runs';
    this.start();
  }

  end(id: number, from: string, to: string): void {
    const call = this.calls[id];
    if (call?.state === from) call.state = to;
    this.start();
  }

  tryAcquire(cost: number): boolean {
    return !this.closed && this.in('waits').length === 0 && this.active + cost <= this.limit;
  }

  start(): void {
    for (;;) {
      const waiting = this.in('waits');
      const most = Math.max(...waiting.map(({ priority }) => priority));
      const first = waiting.find(({ priority }) => priority === most);
      if (first === undefined) return;
      const alone = this.in('runs').length === 0;
      if (alone ? this.limit === 0 : this.active + first.cost > this.limit) return;
      first.state = 'runs';
    }
  }
}

/** The real limiter, driven by the same steps. */
class Real {
  readonly clock = new VirtualClock();
  readonly limiter = new ConcurrencyLimiter({ limit: 3, maxQueue: MAX_QUEUE, clock: this.clock });
  readonly states: string[] = [];
  readonly #controllers: AbortController[] = [];
  readonly #ends: ((fails: boolean) => void)[] = [];

  call(cost: number, priority: number, byHand: boolean): void {
    const id = this.states.push('waits') - 1;
    const controller = new AbortController();
    this.#controllers.push(controller);
    const ctx = { cost, priority, signal: controller.signal };
    const rejected = (error: unknown): void => {
      if (error instanceof RangeError) this.states[id] = 'RangeError';
      else this.states[id] = isRejected(error) ? error.code : 'failed';
    };
    const starts = (end: (fails: boolean) => void): void => {
      expect(this.states[id], `call ${id} starts`).toBe('waits');
      this.states[id] = 'runs';
      this.#ends[id] = end;
    };
    if (byHand) {
      this.limiter.acquire(ctx).then((permit) => {
        starts((fails) => {
          permit.release();
          if (fails) permit.release();
          this.states[id] = fails ? 'failed' : 'done';
        });
      }, rejected);
      return;
    }
    const work = (): Promise<void> =>
      new Promise((resolve, reject) => starts((fails) => (fails ? reject(new Error('own')) : resolve())));
    this.limiter.execute(work, ctx).then(() => {
      this.states[id] = 'done';
    }, rejected);
  }

  finish(id: number, fails: boolean): void {
    this.#ends[id]?.(fails);
  }

  cancel(id: number): void {
    this.#controllers[id]?.abort();
  }
}

type Step = (model: Model, real: Real) => void;

/** One of the calls in that state, if there is any. */
const pick = (model: Model, state: string, index: number): number => {
  const calls = model.in(state);
  return calls[index % Math.max(1, calls.length)]?.id ?? -1;
};

const which = fc.nat(10);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: -1, max: 1 }), fc.boolean()).map(
      ([cost, priority, byHand]): Step =>
        (model, real) => {
          model.call(cost, priority);
          real.call(cost, priority, byHand);
        },
    ),
  },
  {
    weight: 25,
    arbitrary: fc.tuple(which, fc.boolean()).map(
      ([index, fails]): Step =>
        (model, real) => {
          const id = pick(model, 'runs', index);
          model.end(id, 'runs', fails ? 'failed' : 'done');
          real.finish(id, fails);
        },
    ),
  },
  {
    weight: 10,
    arbitrary: which.map(
      (index): Step =>
        (model, real) => {
          const id = pick(model, 'waits', index);
          model.end(id, 'waits', 'CANCELLED');
          real.cancel(id);
        },
    ),
  },
  {
    weight: 10,
    arbitrary: fc.integer({ min: 0, max: 5 }).map(
      (limit): Step =>
        (model, real) => {
          model.limit = limit;
          model.highest = Math.max(model.highest, limit);
          model.start();
          real.limiter.setLimit(limit);
        },
    ),
  },
  {
    weight: 5,
    arbitrary: fc.integer({ min: 1, max: 3 }).map(
      (cost): Step =>
        (model, real) => {
          const permit = real.limiter.tryAcquire({ cost });
          expect(permit !== undefined, 'tryAcquire').toBe(model.tryAcquire(cost));
          permit?.release();
          permit?.release();
        },
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constant<Step>((model, real) => {
      model.closed = true;
      void real.limiter.close();
    }),
  },
);

describe('a limiter', () => {
  it('behaves like a simple model made of lists', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
        const model = new Model();
        const real = new Real();
        for (const [index, run] of steps.entries()) {
          run(model, real);
          await real.clock.advance(0);
          expect(real.states, `after step ${index}`).toEqual(model.calls.map(({ state }) => state));
          expect(real.limiter.stats()).toMatchObject({
            limit: model.limit,
            active: model.active,
            queued: model.in('waits').length,
          });
        }
        expect(real.clock.pendingTimers, 'closing keeps the process alive').toBeLessThanOrEqual(
          model.closed ? 1 : 0,
        );
      }),
      { numRuns: 300 },
    );
  });
});

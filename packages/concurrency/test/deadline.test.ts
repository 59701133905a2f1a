import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { ConcurrencyLimiter } from '../src/index.ts';

async function setup(lengthsMs: readonly number[]) {
  const clock = new VirtualClock();
  const limiter = new ConcurrencyLimiter({ limit: 1, maxQueue: 100, clock });
  const work = (ms: number) => () => new Promise<void>((done) => void clock.setTimer(done, ms));
  for (const ms of lengthsMs) {
    void limiter.execute(work(ms));
    await clock.advance(ms);
  }
  return { clock, limiter, work };
}

describe('a call with a deadline', () => {
  it('is rejected on arrival if a long call would not be done in time', async () => {
    const same = await setup(Array.from({ length: 40 }, () => 100));
    const mixed = await setup(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 10 : 190)));
    for (const { limiter, work } of [same, mixed]) void limiter.execute(work(100));
    const checks = [same, mixed].map(({ clock, limiter }) =>
      [240, 600].map((ms) => limiter.check({ deadline: clock.now() + ms }) === undefined),
    );
    expect(checks).toEqual([
      [true, true],
      [false, true],
    ]);
  });

  it('is rejected in its turn if it is too late and another call waits', async () => {
    const { clock, limiter, work } = await setup([100, 100, 100]);
    const held = await limiter.acquire();
    const late = limiter.execute(work(100), { deadline: clock.now() + 250 });
    const rejected = expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    let others = 0;
    const other = limiter.execute(() => void others++);
    await clock.advance(200);
    held.release();
    await clock.advance(0);
    await rejected;
    await other;
    expect(others).toBe(1);
    expect(limiter.stats()).toMatchObject({ active: 0, queued: 0, rejected: 1 });
  });

  it('evicts no call if it would be rejected anyway', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 2, maxQueue: 2, clock });
    const work = (): Promise<void> => new Promise((done) => void clock.setTimer(done, 100));
    for (let i = 0; i < 3; i++) {
      void limiter.execute(work);
      await clock.advance(100);
    }
    const held = await limiter.acquire();
    void limiter.acquire({ cost: 2 }).then((permit) => permit.release());
    const light = limiter.acquire();
    const vip = { priority: 1, deadline: clock.now() + 50 };
    expect(limiter.check(vip)).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect(limiter.acquire(vip)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(limiter.stats().queued).toBe(2);
    held.release();
    (await light).release();
    expect(limiter.stats()).toMatchObject({ queued: 0, active: 0 });
  });

  it('is admitted while permits are free, although a long call would be late', async () => {
    const clock = new VirtualClock();
    const limiter = new ConcurrencyLimiter({ limit: 2, maxQueue: 2, clock });
    const work = (ms: number) => () => new Promise<void>((done) => void clock.setTimer(done, ms));
    for (let i = 0; i < 40; i++) {
      const ms = i % 2 === 0 ? 10 : 190;
      void limiter.execute(work(ms));
      void limiter.execute(work(ms));
      await clock.advance(ms);
    }
    const held = await limiter.acquire();
    const heavy = limiter.acquire({ cost: 2 });
    const light = (ms: number) => ({ priority: 1, deadline: clock.now() + ms });
    expect(limiter.check(light(250))).toBeUndefined();
    expect(limiter.check(light(50))?.code, 'less than a call takes').toBe('DEADLINE_EXCEEDED');
    held.release();
    (await heavy).release();
  });

  it('may start late if no other call waits for the permit', async () => {
    const { clock, limiter, work } = await setup([100, 100, 100]);
    const held = await limiter.acquire();
    const late = limiter.execute(work(40), { deadline: clock.now() + 250 });
    await clock.advance(200);
    held.release();
    await clock.advance(40);
    await expect(late).resolves.toBeUndefined();
  });

  it('does not spend permits on late answers under overload', async () => {
    const { clock, limiter, work } = await setup([10, 190, 60, 10, 190, 140, 100, 20, 180, 100]);
    // Numerical Recipes' generator: lengths from 0 to 200 ms without a pattern.
    let state = 1;
    const nextLength = (): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return (200 * state) / 2 ** 32;
    };
    let inTime = 0;
    let late = 0;
    for (let i = 0; i < 400; i++) {
      const deadline = clock.now() + 1000;
      limiter.execute(work(nextLength()), { deadline }).then(
        () => void (clock.now() <= deadline ? inTime++ : late++),
        () => {},
      );
      await clock.advance(20);
    }
    await clock.advance(2000);
    expect(inTime).toBeGreaterThan(75);
    expect(late / (inTime + late)).toBeLessThan(0.03);
  });
});

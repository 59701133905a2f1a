import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { LoadGate } from '../src/gates/load/load-gate.ts';
import { resolveLoadOptions } from '../src/gates/load/load-options.ts';
import { build, FakeLoop, FakeSource } from './harness.ts';

describe('load as a late event loop', () => {
  async function server() {
    const loop = new FakeLoop();
    const { app, clock } = await build({ load: { eventLoop: { loopTime: loop.read } } });
    app.get('/', () => 'ok');
    const block = (ms: number): void => {
      loop.active += ms;
      clock.jumpTo(clock.now() + ms);
    };
    return { app, clock, loop, block };
  }

  it('rejects a request that is read late in a blocked turn', async () => {
    const { app, clock, block } = await server();
    await app.ready();
    block(119);
    expect((await app.inject('/')).statusCode, 'lag of 99 ms').toBe(200);
    block(1);
    expect((await app.inject('/')).statusCode, 'lag of 100 ms').toBe(503);
    await clock.advance(20);
    expect((await app.inject('/')).statusCode, 'after the tick').toBe(200);
  });

  it('does not count the time for which the process was suspended', async () => {
    const { app, clock, loop } = await server();
    await app.ready();
    loop.idle += 60_000;
    clock.jumpTo(clock.now() + 60_000);
    expect((await app.inject('/')).statusCode).toBe(200);
  });

  it('limits the active requests while the loop is late throughout: it admits one for each that ends', async () => {
    const { app, clock, block } = await server();
    const held: (() => void)[] = [];
    app.get('/hold', () => new Promise<string>((resolve) => held.push(() => resolve('done'))));
    await app.ready();
    const lateInterval = async (): Promise<void> => {
      for (let i = 0; i < 4; i++) {
        block(45);
        await clock.advance(0);
      }
    };
    // Ten answers in an interval of 135 ms, and a wait of 100 ms: by Little 7.4 in flight.
    const answers = Array.from({ length: 9 }, () => app.inject('/hold'));
    for (let i = 0; i < 10; i++) await app.inject('/');
    await lateInterval();
    expect(app.backpressure.stats()).toMatchObject({
      eventLoopLagMs: 25,
      eventLoopUtilization: 1,
      active: 9,
    });
    const status = async () => (await app.inject('/')).statusCode;
    expect(await status()).toBe(503);
    held.shift()?.();
    await answers[0];
    expect(await status(), 'with 8 in flight').toBe(503);
    held.shift()?.();
    await answers[1];
    expect(await status(), 'with 7 in flight').toBe(200);

    await clock.advance(200);
    await clock.advance(200);
    expect(await status(), 'when the loop is in time again').toBe(200);
    for (const answer of held) answer();
    await Promise.all(answers);
  });

  it('treats all alike without headroom', async () => {
    const source = new FakeSource();
    const { app } = await build({
      load: { sources: [source], eventLoop: false, headroom: 0 },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    app.get('/', () => 'ok');
    const status = async (tier: string) =>
      (await app.inject({ url: '/', headers: { 'x-tier': tier } })).statusCode;
    for (let i = 0; i < 20; i++) await status('gold');
    source.waitMs = 60;
    expect([await status('gold'), await status('none')]).toEqual([200, 200]);
    source.waitMs = 100;
    expect([await status('gold'), await status('none')]).toEqual([503, 503]);
  });

  it('does not count less important active requests against an important one', async () => {
    const loop = new FakeLoop();
    const { app, clock } = await build({
      load: { eventLoop: { loopTime: loop.read } },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    const held: (() => void)[] = [];
    app.get('/', () => 'ok');
    app.get('/hold', () => new Promise<string>((resolve) => held.push(() => resolve('done'))));
    await app.ready();
    // Far more than twice what may be in flight, which is how far headroom goes.
    const answers = Array.from({ length: 40 }, () => app.inject('/hold'));
    for (let i = 0; i < 10; i++) await app.inject('/');
    for (let i = 0; i < 4; i++) {
      loop.active += 45;
      clock.jumpTo(clock.now() + 45);
      await clock.advance(0);
    }
    const status = async (headers: Record<string, string> = {}) =>
      (await app.inject({ url: '/', headers })).statusCode;
    expect(await status()).toBe(503);
    expect(await status({ 'x-tier': 'gold' })).toBe(200);
    for (const answer of held) answer();
    await Promise.all(answers);
  });

  it('is not watched with eventLoop: false', async () => {
    const { app, clock } = await build({ load: { eventLoop: false } });
    app.get('/', () => 'ok');
    await app.ready();
    expect(clock.pendingTimers).toBe(0);
    clock.jumpTo(clock.now() + 10_000);
    expect((await app.inject('/')).statusCode).toBe(200);
  });
});

describe('the loop budget', () => {
  it('starts handlers within one turn and counts the ones that wait', async () => {
    const { app, clock } = await build({ load: { eventLoop: false } });
    const started: number[] = [];
    app.get('/:id', ({ params }) => {
      started.push(Number((params as { id: string }).id));
      clock.jumpTo(clock.now() + 3);
      return 'ok';
    });
    await app.ready();
    const answers = [0, 1, 2, 3, 4].map((id) => app.inject(`/${id}`));
    await new Promise(setImmediate);
    expect(started.length, 'in the first turn').toBeLessThan(5);
    expect(app.backpressure.stats().queued).toBe(5 - started.length);
    await clock.advance(0);
    await Promise.all(answers);
    expect(started).toEqual([0, 1, 2, 3, 4]);
  });

  it('bounds the waiting handlers, however short the estimated wait', () => {
    const clock = new VirtualClock();
    const options = resolveLoadOptions({ eventLoop: false, maxWaitMs: 1e9 }, () => {});
    const gate = new LoadGate(clock, options, { active: 0, completed: 0 });
    gate.tryStart(options);
    clock.jumpTo(10);
    for (let i = 0; i < 10_000; i++) {
      expect(gate.tryStart(options), `handler ${i}`).toBe(false);
      expect(gate.check(options, {}, 10)).toBeUndefined();
      gate.enqueue(() => {});
    }
    expect(gate.check(options, {}, 10)).toMatchObject({ code: 'SHED', rejectedBy: 'event-loop' });
  });

  it('is off with sources, unless the option is true', async () => {
    const startedAtOnce = async (loopBudget?: boolean): Promise<number> => {
      const { app, clock } = await build({
        load: { sources: [new FakeSource()], eventLoop: false, loopBudget },
      });
      let started = 0;
      app.get('/', () => {
        started++;
        clock.jumpTo(clock.now() + 3);
        return 'ok';
      });
      await app.ready();
      const answers = [0, 1, 2, 3, 4].map(() => app.inject('/'));
      await new Promise(setImmediate);
      const atOnce = started;
      await clock.advance(0);
      await Promise.all(answers);
      return atOnce;
    };
    expect(await startedAtOnce()).toBe(5);
    expect(await startedAtOnce(true)).toBeLessThan(5);
  });

  it('is off where the option or the route turns it off', async () => {
    for (const [load, config] of [
      [{ loopBudget: false, eventLoop: false }, {}],
      [{ eventLoop: false }, { backpressure: { load: false } }],
      [{ eventLoop: false }, { backpressure: false }],
    ] as const) {
      const { app, clock } = await build({ load });
      let started = 0;
      app.get('/', { config }, () => {
        started++;
        clock.jumpTo(clock.now() + 3);
        return 'ok';
      });
      await app.ready();
      await Promise.all([1, 2, 3, 4, 5].map(() => app.inject('/')));
      expect(started).toBe(5);
    }
  });
});

import { type CallContext, RejectedError } from '@bp/core';
import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { LoadGate } from '../src/gates/load/load-gate.ts';
import { resolveLoadOptions } from '../src/gates/load/load-options.ts';
import type { LoadSource } from '../src/index.ts';
import { build, FakeLimiter, FakeLoop, FakeSource } from './harness.ts';

describe('load as a wait at a source', () => {
  it('rejects when the wait reaches the maximum, with the time until it is short enough', async () => {
    const source = new FakeSource();
    const { app } = await build({ load: { sources: [source], maxWaitMs: 500 } });
    app.get('/', () => 'ok');
    source.waitMs = 499;
    expect((await app.inject('/')).statusCode).toBe(200);
    source.waitMs = 3000;
    const rejected = await app.inject('/');
    expect(rejected.statusCode).toBe(503);
    expect(rejected.headers['retry-after']).toBe('3');
    expect(rejected.body).toBe('{"error":"Service overloaded","retryAfter":3}');
    expect(app.backpressure.stats()).toMatchObject({ pressure: 6, overloaded: true, rejected: { load: 1 } });
  });

  it('is decided by the rejection of a source that bounds itself, whatever its wait', async () => {
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter] } });
    app.get('/', () => 'ok');
    limiter.waitMs = 60_000;
    expect((await app.inject('/')).statusCode).toBe(200);
    limiter.rejection = new RejectedError('QUEUE_FULL', 'payments', { retryAfterMs: 9001 });
    expect((await app.inject('/')).headers['retry-after']).toBe('10');
    expect(app.backpressure.stats()).toMatchObject({ pressure: 1, rejectedBy: { payments: 1 } });
  });

  it('is also decided by maxWaitMs at such a source where it is given, for the plugin or a route', async () => {
    const limiter = new FakeLimiter();
    const { app } = await build({ load: { sources: [limiter], maxWaitMs: 100 } });
    const route = await build({ load: { sources: [limiter] } });
    const config = { backpressure: { load: { maxWaitMs: 100 } } };
    app.get('/', () => 'ok');
    route.app.get('/', { config }, () => 'ok');
    limiter.waitMs = 1099;
    for (const { body } of [await app.inject('/'), await route.app.inject('/')]) {
      expect(body).toBe('{"error":"Service overloaded","retryAfter":1}');
    }
    expect(app.backpressure.stats()).toMatchObject({ rejectedBy: { limiter: 1 } });
  });

  it('is that of the source with the longest wait', async () => {
    const [first, second] = [new FakeSource(), new FakeSource()];
    const { app } = await build({ load: { sources: [first, second] }, deadline: {} });
    app.get('/', () => 'ok');
    second.waitMs = 4000;
    expect((await app.inject('/')).json()).toEqual({ error: 'Service overloaded', retryAfter: 4 });
    const hopeless = await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '1000' } });
    expect(hopeless.json()).toEqual({ error: 'Service overloaded', retryAfter: 4 });
    expect(app.backpressure.stats()).toMatchObject({ pressure: 40, rejected: { load: 1, deadline: 1 } });
  });

  it('asks with the priority and the deadline of the request', async () => {
    const asked: CallContext[] = [];
    const source: LoadSource = {
      estimatedWaitMs: (ctx) => {
        if (ctx?.cost !== undefined) asked.push(ctx);
        return 0;
      },
    };
    const { app } = await build({
      load: { sources: [source] },
      deadline: {},
      tiers: { gold: { priority: 3 } },
      tierOf: () => 'gold',
    });
    app.get('/', () => 'ok');
    await app.inject({ url: '/', headers: { 'x-request-timeout-ms': '500' } });
    expect(asked.map(({ priority }) => priority)).toEqual([3, 3]);
    expect(asked.at(-1)).toMatchObject({ priority: 3, deadline: 1500, cost: 1 });
  });
});

describe('load and who makes it', () => {
  it('rejects the client that would have to wait too long at a source that shares, and lets others in', async () => {
    const keys: (string | undefined)[] = [];
    const source: LoadSource = {
      estimatedWaitMs: ({ key } = {}) => {
        keys.push(key);
        return key === keys[0] ? 3_000 : 0;
      },
    };
    const { app } = await build({
      load: { sources: [source] },
      deadline: {},
      rateLimit: { rate: 1_000, key: ({ headers }) => headers['x-user-id'] as string },
    });
    app.get('/', (request) => request.backpressure.key);
    const ask = (user: string) => app.inject({ url: '/', headers: { 'x-user-id': user } });
    expect((await ask('heavy')).statusCode).toBe(503);
    const light = await ask('light');
    expect(light.statusCode).toBe(200);
    expect(light.body).toBe(keys.at(-1));
    const late = { 'x-user-id': 'heavy', 'x-request-timeout-ms': '500' };
    expect((await app.inject({ url: '/', headers: late })).statusCode).toBe(503);
    expect(app.backpressure.stats().rejected).toMatchObject({ load: 1, deadline: 1 });
  });
});

describe('load and priority', () => {
  /** A server that has seen one gold request in ten. */
  async function server(headroom?: number) {
    const source = new FakeSource();
    const { app, clock } = await build({
      load: { sources: [source], maxWaitMs: 100, headroom },
      tiers: { gold: { priority: 1 } },
      tierOf: ({ headers }) => headers['x-tier'] as string | undefined,
    });
    app.get('/', () => 'ok');
    const status = async (tier: string) =>
      (await app.inject({ url: '/', headers: tier === '' ? {} : { 'x-tier': tier } })).statusCode;
    for (let i = 0; i < 50; i++) await status(i % 10 === 0 ? 'gold' : '');
    // Ranks are taken every 100 ms.
    await clock.advance(100);
    return { source, status };
  }

  it('rejects the least important first, the most important last', async () => {
    const { source, status } = await server();
    const passes = async (waitMs: number) => {
      source.waitMs = waitMs;
      return [(await status('')) === 200, (await status('gold')) === 200];
    };
    expect(await passes(89)).toEqual([true, true]);
    expect(await passes(91), 'a tenth of what is served overtakes the others').toEqual([false, true]);
    expect(await passes(170)).toEqual([false, true]);
    expect(await passes(200), 'twice the limit is too much for everybody').toEqual([false, false]);
  });

  it('treats all alike without headroom', async () => {
    const { source, status } = await server(0);
    source.waitMs = 100;
    expect([await status(''), await status('gold')]).toEqual([503, 503]);
  });

  it('rejects one that wants to be background before the rest of its tier', async () => {
    const source = new FakeSource();
    const { app, clock } = await build({ load: { sources: [source] } });
    app.get('/', () => 'ok');
    const status = async (priority?: string) =>
      (await app.inject({ url: '/', headers: priority === undefined ? {} : { priority } })).statusCode;
    for (let i = 0; i < 40; i++) await status(i % 2 === 0 ? 'u=7' : undefined);
    await clock.advance(100);
    source.waitMs = 110;
    expect([await status('u=7'), await status(), await status('u=0')]).toEqual([503, 200, 200]);
  });
});

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

  it('rejects what is read late in a turn that was blocked', async () => {
    const { app, clock, block } = await server();
    await app.ready();
    block(119);
    expect((await app.inject('/')).statusCode, 'lag of 99 ms').toBe(200);
    block(1);
    expect((await app.inject('/')).statusCode, 'lag of 100 ms').toBe(503);
    await clock.advance(20);
    expect((await app.inject('/')).statusCode, 'after the tick').toBe(200);
  });

  it('does not take a process that was suspended for an overload', async () => {
    const { app, clock, loop } = await server();
    await app.ready();
    loop.idle += 60_000;
    clock.jumpTo(clock.now() + 60_000);
    expect((await app.inject('/')).statusCode).toBe(200);
  });

  it('bounds what is in flight while the loop is late throughout: one in for each that leaves', async () => {
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

  it('does not hold against the important what is in flight for others', async () => {
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

  it('is not watched if the option says so', async () => {
    const { app, clock } = await build({ load: { eventLoop: false } });
    app.get('/', () => 'ok');
    await app.ready();
    expect(clock.pendingTimers).toBe(0);
    clock.jumpTo(clock.now() + 10_000);
    expect((await app.inject('/')).statusCode).toBe(200);
  });
});

describe('the loop budget', () => {
  it('starts handlers within the budget of a turn, and tells how many wait', async () => {
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

  it('lets no more wait than it can hold, however short the wait seems', () => {
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

  it('is left to the sources where there are some, unless the option says so', async () => {
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

  it('is left out where the option or the route says so', async () => {
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

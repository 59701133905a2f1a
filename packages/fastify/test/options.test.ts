import type { RequestContext } from '@bp/context';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import Fastify from 'fastify';
import { describe, expect, expectTypeOf, it } from 'vitest';
import { type Backpressure, type BackpressureOptions, backpressure } from '../src/index.ts';
import { resolveOptions } from '../src/options.ts';
import { build } from './harness.ts';

describe('options', () => {
  it.each<[unknown, string]>([
    [{ clock: {} }, 'clock must be a Clock'],
    [{ random: 0.5 }, 'random must be a function'],
    [{ jitter: 1.5 }, 'jitter must be a number from 0 to 1, got 1.5'],
    [{ jitter: Number.NaN }, 'jitter must be a number from 0 to 1'],
    [{ maxUnreadBodyBytes: -1 }, 'maxUnreadBodyBytes must be an integer of at least 0'],
    [{ mapErrors: 1 }, 'mapErrors must be a boolean'],
    [{ exempt: '/health' }, 'exempt must be an array of URLs'],
    [{ exempt: ['health'] }, 'exempt must be an array of URLs that begin with a slash'],
    [{ metrics: 5 }, 'metrics must be an object'],
    [{ tiers: { gold: { priority: 0.5 } } }, 'tiers.gold.priority must be an integer'],
    [{ tiers: { gold: null } }, 'tiers.gold must be an object'],
    [{ tierOf: () => 'gold' }, 'tiers must be given with tierOf, got none'],
    [{ tiers: { gold: {} }, tierOf: 'gold' }, 'tierOf must be a function'],
    [{ rateLimit: 10 }, 'rateLimit must be an object'],
    [{ rateLimit: {} }, 'rateLimit.rate must be'],
    [{ rateLimit: { rate: -1 } }, 'rateLimit.rate must be'],
    [{ rateLimit: { rate: 1, burst: 0 } }, 'rateLimit.burst must be'],
    [{ rateLimit: { rate: 1, maxKeys: 0 } }, 'rateLimit.maxKeys must be'],
    [{ rateLimit: { rate: 1, key: 'x-user-id' } }, 'rateLimit.key must be a function'],
    [{ rateLimit: { rate: 1, ipv6Prefix: 16 } }, 'rateLimit.ipv6Prefix must be an integer of at least 32'],
    [{ rateLimit: { rate: 1, ipv6Prefix: 129 } }, 'rateLimit.ipv6Prefix must be at most 128, got 129'],
    [
      { rateLimit: { rate: 1, policy: 'größe' } },
      'rateLimit.policy must be 1 to 100 printable ASCII characters',
    ],
    [
      { rateLimit: { rate: 1, fields: 'often' } },
      'rateLimit.fields must be one of "always", "rejected", "never"',
    ],
    [{ rateLimit: { limiter: {} } }, 'rateLimit.limiter must have an acquire() method'],
    [
      { rateLimit: { rate: 1 }, tiers: { gold: { rateLimit: { rate: 'many' } } } },
      'tiers.gold.rateLimit.rate must',
    ],
    [
      { rateLimit: { rate: 1 }, tiers: { 'g\n': { rateLimit: { rate: 1 } } } },
      'the name of a tier with a rateLimit must',
    ],
    [{ load: true }, 'load must be an object'],
    [{ load: { sources: {} } }, 'load.sources must be an array'],
    [{ load: { sources: [{}] } }, 'load.sources[0].estimatedWaitMs must be a function'],
    [{ load: { sources: [null] } }, 'load.sources[0].estimatedWaitMs must be a function'],
    [{ load: { maxWaitMs: 0 } }, 'load.maxWaitMs must be a finite number above 0, got 0'],
    [{ load: { headroom: -1 } }, 'load.headroom must be a number from 0 to 100'],
    [{ load: { loopBudget: 'yes' } }, 'load.loopBudget must be a boolean'],
    [{ load: { maxSpreadMs: Infinity } }, 'load.maxSpreadMs must be a finite number of at least 0'],
    [{ load: { eventLoop: 5 } }, 'load.eventLoop must be a boolean or an object'],
    [
      { load: { eventLoop: { targetLagMs: 0 } } },
      'load.eventLoop.targetLagMs must be a finite number above 0',
    ],
    [
      { load: { eventLoop: { maxLagMs: 10 } } },
      'load.eventLoop.maxLagMs must be at least targetLagMs = 20, got 10',
    ],
    [
      { load: { eventLoop: { tickMs: 60 } } },
      'load.eventLoop.tickMs must be at most half of intervalMs = 100, got 60',
    ],
    [
      { load: { eventLoop: { minUtilization: 85 } } },
      'load.eventLoop.minUtilization must be a number from 0 to 1',
    ],
    [{ load: { eventLoop: { loopTime: 1 } } }, 'load.eventLoop.loopTime must be a function'],
    [{ deadline: true }, 'deadline must be an object'],
    [{ deadline: { maxMs: Infinity } }, 'deadline.maxMs must be a finite number above 0'],
    [{ deadline: { marginMs: -1 } }, 'deadline.marginMs must be a finite number of at least 0'],
    [{ deadline: { defaultMs: 0 } }, 'deadline.defaultMs must be a finite number above 0'],
    [
      { deadline: { defaultMs: 70_000 } },
      'deadline.defaultMs must be at most deadline.maxMs = 60000, got 70000',
    ],
    [{ rateLimits: { rate: 1 } }, 'unknown option rateLimits: did you mean rateLimit?'],
    [{ rateLimit: { rat: 1 } }, 'unknown option rateLimit.rat: did you mean rateLimit.rate?'],
    [{ rateLimit: { rate: 1, clock: {} } }, 'unknown option rateLimit.clock'],
    [
      { rateLimit: { limiter: { acquire() {} }, burst: 1 } },
      'unknown option rateLimit.burst (known: key, ipv6Prefix, policy, fields, limiter)',
    ],
    [{ load: { door: true } }, 'unknown option load.door'],
    [{ load: { pace: true } }, 'unknown option load.pace'],
    [
      { load: { eventLoop: { tickMS: 20 } } },
      'unknown option load.eventLoop.tickMS: did you mean load.eventLoop.tickMs?',
    ],
    [{ deadline: { maxms: 5 } }, 'unknown option deadline.maxms: did you mean deadline.maxMs?'],
    [{ metrics: { meters: {} } }, 'unknown option metrics.meters: did you mean metrics.meter?'],
    [{ tiers: { gold: { prio: 1 } } }, 'unknown option tiers.gold.prio: did you mean tiers.gold.priority?'],
    [
      { rateLimit: { rate: 1 }, tiers: { gold: { rateLimit: { rate: 1, bursts: 1 } } } },
      'unknown option tiers.gold.rateLimit.bursts: did you mean tiers.gold.rateLimit.burst?',
    ],
    [{ unknownRetryAfterMs: 0 }, 'unknownRetryAfterMs must be a finite number above 0'],
    [{ maxEstimateMs: Infinity }, 'maxEstimateMs must be a finite number above 0'],
    [{ closeGraceMs: -1 }, 'closeGraceMs must be a finite number of at least 0'],
  ])('that are wrong fail the registration: %j', async (options, message) => {
    const app = Fastify();
    await expect(async () => app.register(backpressure, options as BackpressureOptions)).rejects.toThrow(
      message,
    );
  });

  it('have documented defaults', () => {
    const { load, deadline, ...rest } = resolveOptions({ load: {}, deadline: {} });
    expect(rest).toMatchObject({
      jitter: 0.2,
      maxUnreadBodyBytes: 65_536,
      mapErrors: true,
      unknownRetryAfterMs: 10_000,
      maxEstimateMs: 300_000,
      closeGraceMs: 1000,
    });
    expect(deadline).toEqual({ defaultMs: undefined, maxMs: 60_000, marginMs: 10 });
    expect(load).toMatchObject({ sources: [], maxWaitMs: 100, headroom: 1, maxSpreadMs: 30_000 });
    expect(load?.eventLoop).toMatchObject({
      targetLagMs: 20,
      maxLagMs: 100,
      tickMs: 20,
      intervalMs: 100,
      minUtilization: 0.85,
    });
  });

  it('read utilisation from the loop itself by default', () => {
    const { load } = resolveOptions({ load: {} });
    expect(load?.eventLoop?.loopTime()).toEqual(
      expect.objectContaining({ idle: expect.any(Number), active: expect.any(Number) }),
    );
  });
});

describe('types', () => {
  it('are known to Fastify', () => {
    expectTypeOf<FastifyInstance['backpressure']>().toEqualTypeOf<Backpressure>();
    expectTypeOf<FastifyRequest['backpressure']>().toEqualTypeOf<RequestContext>();
  });

  it('let a plain register call be checked', async () => {
    const { app } = await build({});
    expectTypeOf(
      app.register(backpressure, { rateLimit: { rate: 10 }, load: {}, deadline: {} }),
    ).not.toBeAny();
    // @ts-expect-error: a rate is a number
    const wrong = (): unknown => app.register(backpressure, { rateLimit: { rate: 'ten' } });
    expect(wrong).toBeTypeOf('function');
  });
});

import { describe, expect, it } from 'vitest';
import {
  AdaptiveThrottle,
  CircuitBreaker,
  type CircuitBreakerOptions,
  KeyedCircuitBreakers,
} from '../src/index.ts';

describe('wrong options', () => {
  it.each<[CircuitBreakerOptions, RegExp]>([
    [{ consecutiveFailures: 0 }, /consecutiveFailures must be an integer of at least 1, got 0/],
    [{ consecutiveFailures: 1.5 }, /consecutiveFailures/],
    [{ failureRate: 0 }, /failureRate must be a number from/],
    [{ failureRate: 1.1 }, /failureRate/],
    [{ slowCallRate: 0.5 }, /slowCallRate and slowCallMs must be given together/],
    [{ slowCallMs: 10 }, /slowCallRate and slowCallMs/],
    [{ window: { calls: 0 } }, /window.calls/],
    [{ window: { ms: -1 } }, /window.ms/],
    [
      { failureRate: 1, window: { calls: 5 }, minCalls: 6 },
      /minCalls must be at most window.calls = 5, got 6/,
    ],
    [{ openMs: 0 }, /openMs must be a finite number above 0, got 0/],
    [{ openMs: Number.NaN }, /openMs/],
    [{ openBackoff: 0.5 }, /openBackoff must be at least 1/],
    [{ openMs: 100, maxOpenMs: 99 }, /maxOpenMs must be at least openMs = 100, got 99/],
    [{ jitter: 2 }, /jitter/],
    [{ halfOpenProbes: 0 }, /halfOpenProbes/],
    [{ halfOpenSuccessRate: 0 }, /halfOpenSuccessRate/],
    [{ halfOpenMaxMs: 0 }, /halfOpenMaxMs/],
    [{ name: '' }, /name/],
    [{ clock: {} as never }, /clock must be a Clock/],
    [{ random: 1 as never }, /random must be a function/],
    [{ minTimeoutMs: 0 }, /minTimeoutMs must be a finite number above 0/],
    [{ window: { calls: 5, ms: 5 } as never }, /window must have either calls or ms/],
    [{ window: {} as never }, /window must have either calls or ms/],
    [{ window: { call: 5 } as never }, /unknown option window.call: did you mean window.calls\?/],
    [{ window: 5 as never }, /window must be an object/],
    [
      { consecutiveFailure: 5 } as never,
      /unknown option consecutiveFailure: did you mean consecutiveFailures\?/,
    ],
    [{ shadow: 1 as never }, /shadow must be a boolean/],
    [{ window: { calls: 5 } }, /window needs failureRate or slowCallRate/],
    [{ minCalls: 5 }, /minCalls needs failureRate or slowCallRate/],
    [{ consecutiveFailures: 5, window: { ms: 1000 } }, /window needs failureRate or slowCallRate/],
    [null as never, /options must be an object/],
  ])('%j', (options, message) => expect(() => new CircuitBreaker(options)).toThrow(message));

  it('may be given as undefined, also in a window', () => {
    const window = { calls: 5, ms: undefined };
    new KeyedCircuitBreakers({ failureRate: 1, window, minCalls: undefined, idleMs: undefined });
    new CircuitBreaker({ window: undefined, minCalls: undefined });
  });

  it('are rejected by KeyedCircuitBreakers and AdaptiveThrottle too', () => {
    expect(() => new KeyedCircuitBreakers({ maxKeys: 0 })).toThrow(/maxKeys/);
    expect(() => new KeyedCircuitBreakers({ openMs: -1 })).toThrow(/openMs/);
    expect(() => new KeyedCircuitBreakers({ maxKey: 1 } as never)).toThrow(/did you mean maxKeys\?/);
    expect(() => new CircuitBreaker({ maxKeys: 1 } as never)).toThrow(/unknown option maxKeys/);
    expect(() => new AdaptiveThrottle({ window: 1 } as never)).toThrow(/did you mean windowMs\?/);
    expect(() => new AdaptiveThrottle({ k: 0.5 })).toThrow(/k must be at least 1/);
    expect(() => new AdaptiveThrottle({ windowMs: 0 })).toThrow(/windowMs/);
  });
});

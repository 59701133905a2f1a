import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitState,
  type Outcome,
  type Permit,
} from '../src/index.ts';

/** How many random steps the breaker is driven through, over all runs. */
const STEPS = 1_000_000;
const STEPS_A_RUN = 2000;

interface Setting {
  readonly consecutiveFailures: number | undefined;
  readonly failureRate: number | undefined;
  readonly slowCallRate: number | undefined;
  readonly windowCalls: number | undefined;
  readonly windowMs: number;
  readonly minCalls: number;
  readonly openBackoff: number;
  readonly halfOpenProbes: number;
  readonly halfOpenSuccessRate: number;
}

const outcomes: readonly Outcome[] = ['success', 'success', 'failure', 'failure', 'ignored'];
const OPEN_MS = 100;
const MAX_OPEN_MS = 350;
const HALF_OPEN_MAX_MS = 60;
const SLOW_MS = 20;

/** The other description of a breaker: it remembers everything and counts anew whenever it is asked. */
class Model {
  readonly #setting: Setting;
  state: CircuitState = 'CLOSED';
  era = 0;
  #eraBegan = 0;
  #openForMs = 0;
  #openings = 0;
  #settled: { failed: boolean; slow: boolean; at: number }[] = [];
  #probes: ('out' | 'good' | 'bad')[] = [];
  isolations = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  pass(now: number): void {
    if (this.state === 'OPEN' && now >= this.#eraBegan + this.#openForMs) {
      this.#enter('HALF_OPEN', now);
    } else if (this.state === 'HALF_OPEN' && now >= this.#eraBegan + HALF_OPEN_MAX_MS) {
      if (this.#probes.includes('out')) this.#trip(now);
      else this.#eraBegan = now;
    }
  }

  admits(now: number): boolean {
    this.pass(now);
    if (this.state === 'CLOSED') return true;
    if (this.state !== 'HALF_OPEN' || this.#probes.length >= this.#setting.halfOpenProbes) return false;
    this.#probes.push('out');
    return true;
  }

  settle(era: number, outcome: 'success' | 'failure' | 'ignored', slow: boolean, now: number): void {
    this.pass(now);
    if (era !== this.era) return;
    if (this.state === 'CLOSED' && outcome !== 'ignored') {
      this.#settled.push({ failed: outcome === 'failure', slow, at: now });
      if (this.#mustTrip(outcome, slow, now)) this.#trip(now);
    } else if (this.state === 'HALF_OPEN') {
      this.#probes.splice(this.#probes.indexOf('out'), 1);
      if (outcome !== 'ignored') this.#probes.push(outcome === 'success' ? 'good' : 'bad');
      const needed = Math.ceil(this.#setting.halfOpenProbes * this.#setting.halfOpenSuccessRate);
      const good = this.#probes.filter((probe) => probe === 'good').length;
      const bad = this.#probes.filter((probe) => probe === 'bad').length;
      if (good >= needed) this.close(now);
      else if (this.#setting.halfOpenProbes - bad < needed) this.#trip(now);
    }
  }

  retryAfterMs(now: number): number {
    this.pass(now);
    if (this.state === 'CLOSED') return 0;
    if (this.state === 'ISOLATED') return Number.POSITIVE_INFINITY;
    if (this.state === 'OPEN') return this.#eraBegan + this.#openForMs - now;
    return this.#probes.length < this.#setting.halfOpenProbes ? 0 : this.#eraBegan + HALF_OPEN_MAX_MS - now;
  }

  close(now: number): void {
    this.#openings = 0;
    this.#enter('CLOSED', now);
  }

  isolate(now: number): void {
    this.#enter('ISOLATED', now);
  }

  #mustTrip(outcome: string, slow: boolean, now: number): boolean {
    const { consecutiveFailures, failureRate, slowCallRate, windowCalls, windowMs, minCalls } = this.#setting;
    const sinceSuccess =
      this.#settled.length - this.#settled.map(({ failed }) => failed).lastIndexOf(false) - 1;
    const noRates = failureRate === undefined && slowCallRate === undefined;
    const limit = consecutiveFailures ?? (noRates ? 5 : Number.POSITIVE_INFINITY);
    if (sinceSuccess >= limit) return true;
    // Rates are looked at when they may have risen.
    if (outcome === 'success' && !slow) return false;
    const bucket = (at: number): number => Math.floor(at / (windowMs / 10));
    const window =
      windowCalls === undefined
        ? this.#settled.filter(({ at }) => bucket(at) > bucket(now) - 10)
        : this.#settled.slice(-windowCalls);
    if (window.length < minCalls) return false;
    const failures = window.filter(({ failed }) => failed).length;
    const slowOnes = window.filter((call) => call.slow).length;
    return (
      (failureRate !== undefined && failures >= failureRate * window.length) ||
      (slowCallRate !== undefined && slowOnes >= slowCallRate * window.length)
    );
  }

  #trip(now: number): void {
    this.#openings++;
    this.#openForMs = Math.min(OPEN_MS * this.#setting.openBackoff ** (this.#openings - 1), MAX_OPEN_MS);
    this.#enter('OPEN', now);
  }

  #enter(state: CircuitState, now: number): void {
    this.state = state;
    this.era++;
    this.#eraBegan = now;
    this.#settled = [];
    this.#probes = [];
  }
}

const setting: fc.Arbitrary<Setting> = fc.record({
  consecutiveFailures: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  failureRate: fc.option(fc.constantFrom(0.25, 0.5, 1), { nil: undefined }),
  slowCallRate: fc.option(fc.constantFrom(0.5, 1), { nil: undefined }),
  windowCalls: fc.option(fc.integer({ min: 4, max: 12 }), { nil: undefined }),
  windowMs: fc.constantFrom(50, 200),
  minCalls: fc.integer({ min: 1, max: 4 }),
  openBackoff: fc.constantFrom(1, 2),
  halfOpenProbes: fc.integer({ min: 1, max: 4 }),
  halfOpenSuccessRate: fc.constantFrom(0.5, 0.75, 1),
});

function optionsOf(given: Setting, clock: VirtualClock): CircuitBreakerOptions {
  const { windowCalls, windowMs, slowCallRate, ...rest } = given;
  return {
    ...rest,
    slowCallRate,
    slowCallMs: slowCallRate === undefined ? undefined : SLOW_MS,
    window: windowCalls === undefined ? { ms: windowMs } : { calls: windowCalls },
    openMs: OPEN_MS,
    maxOpenMs: MAX_OPEN_MS,
    halfOpenMaxMs: HALF_OPEN_MAX_MS,
    clock,
  };
}

/** A small generator of its own (a linear congruence), so that a run of thousands of steps needs one seed. */
function* numbers(seed: number): Generator<number, never, never> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

function drive(given: Setting, seed: number): void {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker(optionsOf(given, clock));
  const model = new Model(given);
  const source = numbers(seed);
  const random = (below: number): number => Math.floor(source.next().value * below);
  // What runs: settled sooner or later, or never. Sometimes far more than the probes that may be out.
  const calls: { permit: Permit; era: number; startedAt: number }[] = [];
  const isolations: Disposable[] = [];

  for (let step = 0; step < STEPS_A_RUN; step++) {
    const now = clock.now();
    const what = random(20);
    if (what < 7) {
      const admitted = model.admits(now);
      const permit = breaker.tryAcquire();
      expect(permit !== undefined, `step ${step}, now ${now}, ${model.state}`).toBe(admitted);
      if (permit !== undefined) calls.push({ permit, era: model.era, startedAt: now });
    } else if (what < 16) {
      const [call] = calls.splice(random(Math.max(1, calls.length)), 1);
      if (call === undefined) continue;
      const outcome = outcomes[random(outcomes.length)] ?? 'success';
      const slow = given.slowCallRate !== undefined && now - call.startedAt >= SLOW_MS;
      model.settle(call.era, outcome, slow, now);
      if (outcome === 'success') call.permit.success();
      else if (outcome === 'failure') call.permit.failure();
      else call.permit.ignore();
      // Said twice is said once.
      call.permit.failure();
    } else if (what < 19) {
      clock.jumpTo(now + ([0, 1, 3, 10, 40, 120, 1000][random(7)] ?? 0));
    } else {
      const whatElse = random(36);
      if (whatElse < 3 && isolations.length > 0) {
        isolations.pop()?.[Symbol.dispose]();
        if (isolations.length === 0) model.close(now);
      } else if (whatElse < 6 && isolations.length < 2) {
        model.pass(now);
        if (isolations.length === 0) model.isolate(now);
        isolations.push(breaker.isolate());
      } else if (whatElse === 6 && isolations.length === 0) {
        model.close(now);
        breaker.reset();
      }
    }
    if (calls.length > 30) calls.shift();
    const at = clock.now();
    expect(breaker.retryAfterMs(), `retry, step ${step}, now ${at}`).toBe(model.retryAfterMs(at));
    expect(breaker.state, `state, step ${step}, now ${at}`).toBe(model.state);
  }
  expect(clock.pendingTimers).toBe(0);
}

describe('CircuitBreaker against a model that remembers everything', () => {
  it(`agrees at each of ${STEPS} random steps`, { timeout: 120_000 }, () => {
    fc.assert(fc.property(setting, fc.integer(), drive), { numRuns: STEPS / STEPS_A_RUN });
  });
});

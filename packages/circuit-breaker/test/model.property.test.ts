import { VirtualClock } from '@bp/core/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  CircuitBreaker,
  type CircuitBreakerOptions,
  type CircuitOutcome,
  type CircuitPermit,
  type CircuitState,
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

const outcomes: readonly CircuitOutcome[] = ['success', 'success', 'failure', 'failure', 'ignored'];
const OPEN_MS = 100;
const MAX_OPEN_MS = 350;
const HALF_OPEN_MAX_MS = 60;
const SLOW_MS = 20;

/** Another description of a breaker: it remembers everything and counts it again for every question. */
class Model {
  readonly #setting: Setting;
  state: CircuitState = 'CLOSED';
  era = 0;
  #eraBegan = 0;
  #openForMs = 0;
  #openings = 0;
  #settled: { failed: boolean; slow: boolean; at: number }[] = [];
  #probes: { outcome: 'running' | 'good' | 'bad'; readonly startedAt: number }[] = [];
  #rejected = 0;
  #durations: number[] = [];
  isolations = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
  }

  pass(now: number): void {
    const hungAt = Math.min(...this.#running().map((startedAt) => startedAt + HALF_OPEN_MAX_MS));
    if (this.state === 'HALF_OPEN' && now >= hungAt) this.#trip(hungAt);
    if (this.state === 'OPEN' && now >= this.#eraBegan + this.#openForMs) this.#enter('HALF_OPEN', now);
  }

  admits(now: number): boolean {
    this.pass(now);
    if (this.state === 'CLOSED') return true;
    if (this.state !== 'HALF_OPEN') return false;
    if (this.#probes.length < this.#setting.halfOpenProbes) {
      this.#probes.push({ outcome: 'running', startedAt: now });
      return true;
    }
    this.#rejected++;
    return false;
  }

  settle(
    era: number,
    outcome: CircuitOutcome,
    startedAt: number,
    timed: boolean,
    slow: boolean,
    now: number,
  ): void {
    if (outcome === 'success' && timed) this.#durations.push(now - startedAt);
    this.pass(now);
    if (era !== this.era) return;
    if (this.state === 'CLOSED' && outcome !== 'ignored') {
      this.#settled.push({ failed: outcome === 'failure', slow, at: now });
      if (this.#mustTrip(now)) this.#trip(now);
    } else if (this.state === 'HALF_OPEN') {
      const isThis = (probe: { outcome: string; startedAt: number }): boolean =>
        probe.outcome === 'running' && probe.startedAt === startedAt;
      this.#probes.splice(this.#probes.findIndex(isThis), 1);
      if (outcome !== 'ignored') {
        this.#probes.push({ outcome: outcome === 'success' ? 'good' : 'bad', startedAt });
      }
      const needed = Math.ceil(this.#setting.halfOpenProbes * this.#setting.halfOpenSuccessRate);
      const good = this.#probes.filter((probe) => probe.outcome === 'good').length;
      const bad = this.#probes.filter((probe) => probe.outcome === 'bad').length;
      if (good >= needed) this.close(now);
      else if (this.#setting.halfOpenProbes - bad < needed) this.#trip(now);
    }
  }

  retryAfterMs(now: number): number | undefined {
    this.pass(now);
    if (this.state === 'CLOSED') return 0;
    if (this.state === 'ISOLATED') return undefined;
    if (this.state === 'OPEN') return this.#eraBegan + this.#openForMs - now;
    const { halfOpenProbes } = this.#setting;
    if (this.#probes.length < halfOpenProbes) return 0;
    if (this.#durations.length === 0) return undefined;
    const [first = 0, ...later] = this.#durations.map((duration) => Math.min(duration, 1000));
    const typical = later.reduce((mean, duration) => (mean + duration) / 2, first);
    const running = this.#running();
    const elapsed = now - Math.max(...running);
    const due = elapsed < typical ? typical - elapsed : elapsed;
    const hungAt = Math.min(...running) + HALF_OPEN_MAX_MS;
    const spread = typical * Math.sqrt(this.#rejected / halfOpenProbes);
    const even = 1000 * ((this.#rejected * 0.618_033_988_749_895) % 1);
    return Math.min(Math.max(1, due), hungAt - now) + (spread > 1000 ? even : spread);
  }

  close(now: number): void {
    this.#openings = 0;
    this.#enter('CLOSED', now);
  }

  isolate(now: number): void {
    this.#enter('ISOLATED', now);
  }

  #running(): number[] {
    return this.#probes.filter(({ outcome }) => outcome === 'running').map(({ startedAt }) => startedAt);
  }

  #mustTrip(now: number): boolean {
    const { consecutiveFailures, failureRate, slowCallRate, windowCalls, windowMs, minCalls } = this.#setting;
    const sinceSuccess =
      this.#settled.length - this.#settled.map(({ failed }) => failed).lastIndexOf(false) - 1;
    const noRates = failureRate === undefined && slowCallRate === undefined;
    const limit = consecutiveFailures ?? (noRates ? 5 : Number.POSITIVE_INFINITY);
    if (sinceSuccess >= limit) return true;
    const bucket = (at: number): number => Math.floor(at / (windowMs / 10));
    const window =
      windowCalls === undefined
        ? this.#settled.filter(({ at }) => bucket(at) > bucket(now) - 10)
        : this.#settled.slice(-windowCalls);
    if (window.length < minCalls) return false;
    const failures = window.filter(({ failed }) => failed).length;
    const slowOnes = window.filter((call) => call.slow).length;
    return (
      (failureRate !== undefined && failures / window.length >= failureRate) ||
      (slowCallRate !== undefined && slowOnes / window.length >= slowCallRate)
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
    this.#rejected = 0;
  }
}

const setting: fc.Arbitrary<Setting> = fc.record({
  consecutiveFailures: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  failureRate: fc.option(fc.constantFrom(0.25, 0.3, 0.5, 0.7, 1), { nil: undefined }),
  slowCallRate: fc.option(fc.constantFrom(0.5, 1), { nil: undefined }),
  windowCalls: fc.option(fc.integer({ min: 4, max: 12 }), { nil: undefined }),
  windowMs: fc.constantFrom(50, 200),
  minCalls: fc.integer({ min: 1, max: 4 }),
  openBackoff: fc.constantFrom(1, 2),
  halfOpenProbes: fc.integer({ min: 1, max: 4 }),
  halfOpenSuccessRate: fc.constantFrom(0.5, 0.75, 1),
});

function optionsOf(given: Setting, clock: VirtualClock): CircuitBreakerOptions {
  const { windowCalls, windowMs, slowCallRate, minCalls, ...rest } = given;
  const hasRate = rest.failureRate !== undefined || slowCallRate !== undefined;
  const window = windowCalls === undefined ? { ms: windowMs } : { calls: windowCalls };
  return {
    ...rest,
    slowCallRate,
    slowCallMs: slowCallRate === undefined ? undefined : SLOW_MS,
    ...(hasRate ? { window, minCalls } : {}),
    openMs: OPEN_MS,
    maxOpenMs: MAX_OPEN_MS,
    halfOpenMaxMs: HALF_OPEN_MAX_MS,
    clock,
  };
}

/** Generates numbers by a linear congruence, so that a run of thousands of steps needs one seed. */
function* numbers(seed: number): Generator<number, never, never> {
  for (let state = seed >>> 0; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

/** Whether the breaker times every call. */
const isTimed = ({ failureRate, slowCallRate, windowCalls }: Setting): boolean =>
  slowCallRate !== undefined || (failureRate !== undefined && windowCalls === undefined);

function drive(given: Setting, seed: number): void {
  const clock = new VirtualClock();
  const breaker = new CircuitBreaker(optionsOf(given, clock));
  const model = new Model(given);
  const source = numbers(seed);
  const random = (below: number): number => Math.floor(source.next().value * below);
  // Running calls, which end sooner or later, or never. Sometimes far more than the probes that may run.
  const calls: { permit: CircuitPermit; era: number; startedAt: number; timed: boolean }[] = [];
  const isolations: Disposable[] = [];
  let admittedCalls = 0;

  for (let step = 0; step < STEPS_A_RUN; step++) {
    const now = clock.now();
    const what = random(20);
    if (what < 7) {
      const admitted = model.admits(now);
      const permit = breaker.tryAcquire();
      expect(permit !== undefined, `step ${step}, now ${now}, ${model.state}`).toBe(admitted);
      const timed = model.state !== 'CLOSED' || isTimed(given) || admittedCalls % 16 === 0;
      if (permit === undefined) continue;
      calls.push({ permit, era: model.era, startedAt: now, timed });
      admittedCalls++;
    } else if (what < 16) {
      const [call] = calls.splice(random(Math.max(1, calls.length)), 1);
      if (call === undefined) continue;
      const outcome = outcomes[random(outcomes.length)] ?? 'success';
      const slow = given.slowCallRate !== undefined && now - call.startedAt >= SLOW_MS;
      model.settle(call.era, outcome, call.startedAt, call.timed, slow, now);
      if (outcome === 'success') call.permit.success();
      else if (outcome === 'failure') call.permit.failure();
      else call.permit.release();
      // Only the first end counts.
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
    const expected = model.retryAfterMs(at);
    const retryAfterMs = breaker.retryAfterMs();
    // Equal but for rounding errors.
    const isEqual = retryAfterMs === expected || Math.abs((retryAfterMs ?? -1) - (expected ?? -1)) < 1e-6;
    expect(isEqual, `step ${step}, now ${at}: retry after ${retryAfterMs}, not ${expected}`).toBe(true);
    expect(breaker.state, `state, step ${step}, now ${at}`).toBe(model.state);
  }
  expect(clock.pendingTimers).toBe(0);
}

describe('CircuitBreaker against a model that remembers everything', () => {
  it(`agrees at each of ${STEPS} random steps`, { timeout: 120_000 }, () => {
    fc.assert(fc.property(setting, fc.integer(), drive), { numRuns: STEPS / STEPS_A_RUN });
  });
});

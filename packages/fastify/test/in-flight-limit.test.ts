import { describe, expect, it } from 'vitest';
import { InFlightLimit } from '../src/gates/load/in-flight-limit.ts';

const usual = { elapsedMs: 100, late: false, rejected: false };

describe('InFlightLimit', () => {
  it('is none while the loop is in time', () => {
    const limit = new InFlightLimit(100);
    for (let i = 0; i < 50; i++) limit.onInterval({ ...usual, active: 10 * i, completed: 50 });
    expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
    expect(limit.excessMs(1e6)).toBe(0);
  });

  it('is, once the loop is late, the throughput times the usual latency and the allowed wait', () => {
    const limit = new InFlightLimit(100);
    // 500 a second, each 10 ms: by Little 5 in flight.
    for (let i = 0; i < 100; i++) limit.onInterval({ ...usual, active: 5, completed: 50 });
    limit.onInterval({ elapsedMs: 100, late: true, rejected: false, active: 300, completed: 50 });
    expect(limit.limit).toBeCloseTo(0.5 * (10 + 100), 1);
    expect(limit.excessMs(155), 'a hundred too many at 500 a second').toBeCloseTo(200, -1);
  });

  it('rejects at the limit itself with the time in which one request ends', () => {
    const limit = new InFlightLimit(100);
    for (let i = 0; i < 100; i++) limit.onInterval({ ...usual, active: 5, completed: 50 });
    limit.onInterval({ ...usual, late: true, active: 300, completed: 0 });
    limit.onInterval({ ...usual, late: true, active: 300, completed: 0 });
    const throughput = 0.5 * 0.7 * 0.7;
    expect(limit.excessMs(limit.limit)).toBeCloseTo(1 / throughput, 5);
    expect(limit.excessMs(limit.limit - 0.001)).toBe(0);
  });

  it('grows while it rejects although the loop is in time, and is lifted when it rejects no request', () => {
    const limit = new InFlightLimit(100);
    limit.onInterval({ ...usual, active: 5, completed: 50 });
    limit.onInterval({ ...usual, late: true, active: 100, completed: 50 });
    const first = limit.limit;
    limit.onInterval({ ...usual, rejected: true, active: first, completed: 40 });
    expect(limit.limit).toBeGreaterThan(first);
    expect(limit.limit).toBeLessThan(Number.POSITIVE_INFINITY);
    limit.onInterval({ ...usual, active: 5, completed: 40 });
    expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
  });

  it('is at least 1, also when no request has ended', () => {
    const limit = new InFlightLimit(100);
    limit.onInterval({ ...usual, late: true, active: 40, completed: 0 });
    expect(limit.limit).toBe(1);
  });

  it('recovers from a start under overload: slow requests do not count as a slow loop', () => {
    const limit = new InFlightLimit(100);
    // Each request takes a second of waiting and 1 ms of the loop, which can do 1000 a second; far more are sent.
    let active = 2000;
    for (let i = 0; i < 300; i++) {
      const completed = Math.min(100, active / 10);
      const late = active > 1040;
      limit.onInterval({ elapsedMs: 100, late, rejected: true, active, completed });
      active = Math.min(2000, Math.max(active - completed, limit.limit));
    }
    expect(active, 'in flight after half a minute').toBeGreaterThan(900);
    expect(active).toBeLessThan(1400);
  });
});

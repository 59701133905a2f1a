import { describe, expect, it } from 'vitest';
import { ReturnSpread } from '../src/gates/load/return-spread.ts';

describe('ReturnSpread', () => {
  it('is 0 while few requests are rejected', () => {
    const spread = new ReturnSpread(30_000);
    for (let now = 0; now < 10_000; now += 10) {
      spread.admitted(now);
      if (now % 200 === 0) spread.rejected(now);
    }
    expect(spread.spreadMs()).toBe(0);
  });

  it('is, in the first second, the time it takes to admit as many as were rejected', () => {
    const spread = new ReturnSpread(30_000);
    for (let i = 0; i < 10; i++) spread.admitted(0);
    for (let i = 0; i < 90; i++) spread.rejected(0);
    expect(spread.spreadMs()).toBe(9000);
  });

  it('is never above its maximum, whatever was rejected', () => {
    const spread = new ReturnSpread(30_000);
    for (let now = 0; now < 60_000; now += 1) spread.rejected(now);
    expect(spread.spreadMs()).toBe(30_000);
  });

  it('ends with the overload', () => {
    const spread = new ReturnSpread(30_000);
    for (let now = 0; now < 5000; now += 1) spread.rejected(now);
    for (let now = 5000; now < 30_000; now += 10) spread.admitted(now);
    expect(spread.spreadMs()).toBe(0);
    const idle = new ReturnSpread(30_000);
    for (let now = 0; now < 5000; now += 1) idle.rejected(now);
    idle.admitted(60_000);
    expect(idle.spreadMs()).toBe(0);
  });

  it('lets rejected clients return about as fast as others are admitted', () => {
    // A thousand clients, each of which returns within the second after its Retry-After; a hundred a second can be
    // served.
    const spread = new ReturnSpread(30_000);
    let seed = 7;
    const random = (): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    const due = Array.from({ length: 1000 }, () => 0);
    const returns: number[] = [];
    let admitted = 0;
    for (let now = 0; now < 60_000; now += 100) {
      let room = 10;
      for (let client = 0; client < due.length; client++) {
        if ((due[client] ?? 0) > now) continue;
        returns.push(now);
        if (room > 0) {
          room--;
          admitted++;
          spread.admitted(now);
          due[client] = now + 1000;
        } else {
          spread.rejected(now);
          due[client] = now + 1000 * (Math.ceil((1 + random() * spread.spreadMs()) / 1000) + random());
        }
      }
    }
    const late = returns.filter((at) => at >= 30_000).length / 30;
    expect(late, 'returns a second in the second half minute').toBeLessThan(250);
    expect(admitted / 60, 'admitted a second').toBeGreaterThan(85);
  });
});

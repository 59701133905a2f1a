import { VirtualClock } from '@bp/core/testing';
import { describe, expect, it } from 'vitest';
import { RetryBudget } from '../src/index.ts';

describe('RetryBudget', () => {
  const drain = (budget: RetryBudget): number => {
    let retries = 0;
    while (budget.tryAcquire()) retries++;
    return retries;
  };

  it('begins with minRetries and adds a share of the requests', () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ share: 0.1, minRetries: 3, clock });
    expect(drain(budget)).toBe(3);
    for (let i = 0; i < 99; i++) budget.recordRequest();
    expect(drain(budget)).toBe(9);
    budget.recordRequest();
    expect(drain(budget), 'ten times a tenth is one').toBe(1);
    expect(budget.stats()).toEqual({ available: 0, requests: 100, retries: 13, refunded: 0, rejected: 3 });
  });

  it('fills up to minRetries with time, and not beyond', () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ minRetries: 4, windowMs: 1000, clock });
    drain(budget);
    clock.advanceSync(249);
    expect(budget.tryAcquire()).toBe(false);
    clock.advanceSync(1);
    expect(drain(budget)).toBe(1);
    clock.advanceSync(1e9);
    expect(drain(budget)).toBe(4);
  });

  it('saves at most maxSaved', () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ share: 1, minRetries: 2, maxSaved: 5, clock });
    for (let i = 0; i < 100; i++) budget.recordRequest();
    expect(budget.stats().available).toBe(5);
    budget.tryAcquire();
    budget.refund();
    budget.refund();
    expect(budget.stats().available).toBe(5);
  });

  it('loses nothing with time', () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ share: 1, minRetries: 1, clock });
    for (let i = 0; i < 9; i++) budget.recordRequest();
    clock.advanceSync(1e9);
    expect(budget.stats().available).toBe(10);
  });

  it('earns nothing when time goes backwards', () => {
    const clock = new VirtualClock(1000);
    const budget = new RetryBudget({ minRetries: 1, windowMs: 100, clock });
    drain(budget);
    clock.jumpTo(0);
    expect(budget.tryAcquire()).toBe(false);
    clock.jumpTo(1000);
    expect(budget.tryAcquire(), 'the same second is not paid for twice').toBe(false);
    clock.jumpTo(1100);
    expect(budget.tryAcquire()).toBe(true);

    const full = new RetryBudget({ minRetries: 1, windowMs: 100, clock });
    clock.jumpTo(0);
    expect(drain(full)).toBe(1);
    clock.jumpTo(1100);
    expect(full.tryAcquire(), 'nor the way back').toBe(false);
  });

  it('earns a retry in windowMs / minRetries if minRetries is below 1', () => {
    const clock = new VirtualClock();
    const budget = new RetryBudget({ share: 0, minRetries: 0.5, windowMs: 10_000, clock });
    expect(budget.tryAcquire()).toBe(false);
    clock.advanceSync(9999);
    expect(budget.tryAcquire()).toBe(false);
    clock.advanceSync(1);
    expect(drain(budget)).toBe(1);
    clock.advanceSync(19_999);
    expect(budget.tryAcquire()).toBe(false);
    clock.advanceSync(1);
    expect(drain(budget)).toBe(1);
    clock.advanceSync(1e9);
    expect(drain(budget)).toBe(1);
  });

  it('can forbid all retries', () => {
    const budget = new RetryBudget({ share: 0, minRetries: 0, clock: new VirtualClock() });
    for (let i = 0; i < 100; i++) budget.recordRequest();
    expect(budget.tryAcquire()).toBe(false);
  });
});

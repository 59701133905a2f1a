import fc from 'fast-check';
import { expect, it } from 'vitest';
import { amountOf, centsOf } from '../../src/orders/cents.ts';

it('converts every amount of two decimals to cents and back without loss', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000_000_000 }), (cents) => {
      const written = `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
      expect(centsOf(Number(written))).toBe(cents);
      expect(amountOf(cents)).toBe(Number(written));
    }),
    { numRuns: 2_000 },
  );
});

it('finds every amount with a third decimal', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_000_000_000_000 }), (thousandths) => {
      fc.pre(thousandths % 10 !== 0);
      const written = `${Math.floor(thousandths / 1_000)}.${String(thousandths % 1_000).padStart(3, '0')}`;
      expect(centsOf(Number(written))).toBeUndefined();
    }),
    { numRuns: 2_000 },
  );
});

/** Converts an amount to integer cents; undefined if it has more than two decimals. */
export function centsOf(amount: number): number | undefined {
  const cents = Math.round(amount * 100);
  // Dividing an integer by 100 rounds once, exactly as JSON.parse rounds the decimal: an equality test is exact.
  return cents / 100 === amount ? cents : undefined;
}

/** Converts integer cents back to the amount a client sent. */
export function amountOf(cents: number): number {
  return cents / 100;
}

/** For authors of other limiters: the one place of limit defaults, their validation and the formulas of GCRA. */
export { admits, charge, giveBack, isPossible, spentTokens, transferDebt, waitMs } from './gcra/gcra.ts';
export {
  DEFAULT_INTERVAL_MS,
  defaultBurst,
  type Limit,
  type LimitOptions,
  type LimitSource,
  resolveLimit,
} from './gcra/limit.ts';

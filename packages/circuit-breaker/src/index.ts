export {
  AdaptiveThrottle,
  type AdaptiveThrottleOptions,
  type AdaptiveThrottleStats,
} from './adaptive-throttle.ts';
export { CircuitBreaker, type CircuitTransition } from './circuit-breaker.ts';
export type { CircuitPermit } from './circuit-permit.ts';
export type { CircuitBreakerStats } from './circuit-stats.ts';
export {
  KeyedCircuitBreakers,
  type KeyedCircuitBreakersOptions,
  type KeyedCircuitBreakersStats,
  type KeyedCircuitTransition,
} from './keyed-circuit-breakers.ts';
export type { CircuitBreakerOptions, CircuitOpening, CircuitResult } from './options.ts';
export type { CircuitOutcome } from './outcome.ts';
export type { CircuitSnapshot } from './snapshot.ts';
export type { CircuitState } from './state-machine.ts';
export type { CircuitTripOptions, CircuitWindow } from './trip-options.ts';

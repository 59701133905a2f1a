export {
  AdaptiveThrottle,
  type AdaptiveThrottleOptions,
  type AdaptiveThrottleStats,
} from './adaptive-throttle.ts';
export {
  CircuitBreaker,
  type CircuitBreakerStats,
  type CircuitSnapshot,
  type Transition,
} from './circuit-breaker.ts';
export { KeyedCircuitBreakers, type KeyedCircuitBreakersOptions } from './keyed.ts';
export type { CircuitBreakerOptions, Opening, Settled, TripOptions, Window } from './options.ts';
export type { Outcome } from './outcome.ts';
export type { Permit } from './permit.ts';
export type { CircuitState } from './states.ts';

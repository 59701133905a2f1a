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
export type { CircuitBreakerOptions, Opening, Outcome, Settled, TripOptions, Window } from './options.ts';
export type { Permit } from './permit.ts';
export type { CircuitState } from './states.ts';

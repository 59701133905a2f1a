export type {
  CallContext,
  ContextChanges,
  DerivedContext,
  DrainOptions,
  Unsubscribe,
} from './call-context.ts';
export { type Clock, createSystemClock, systemClock, type Timer, type TimerOptions } from './clock.ts';
export { compose, type Policy } from './compose.ts';
export { LoopBudget } from './kit/loop-budget.ts';
export type { Permit } from './permit.ts';
export {
  isRejected,
  RejectedError,
  type RejectedErrorOptions,
  type RejectionCode,
} from './rejected-error.ts';

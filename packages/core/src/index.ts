export {
  type AdmissionOptions,
  NO_ADMISSION_OPTIONS,
  refusalAtEntry,
  refusalFor,
  watchAdmission,
} from './admission.ts';
export { type Clock, systemClock, type Timer, type TimerOptions } from './clock.ts';
export { compose, type Policy } from './compose.ts';
export { atDeadline } from './deadline.ts';
export { Listeners, type Unsubscribe } from './listeners.ts';
export { LoopBudget, loopBudgetOf } from './loop-budget.ts';
export { neverThrowing } from './never-throwing.ts';
export {
  isRejected,
  RejectedError,
  type RejectedErrorOptions,
  type RejectionCode,
  refuse,
} from './rejected-error.ts';
export {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkOneOf,
  checkOptions,
  checkPositive,
} from './validate.ts';

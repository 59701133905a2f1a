export { EMPTY_CONTEXT } from '../call-context.ts';
export { isOver, rejectionAtEntry, rejectionFor, rejectionIfOver, watchContext } from './call-end.ts';
export { checkOptions, optionNames } from './check-options.ts';
export { Closing, type ClosingOptions, checkDrainOptions } from './closing.ts';
export { atDeadline } from './deadlines.ts';
export { type DeriveOptions, deriveContext } from './derive-context.ts';
export { Draining, type DrainingOptions } from './draining.ts';
export { MAX_ESTIMATE_MS } from './estimate.ts';
export { Heap, HeapNode } from './heap.ts';
export { Listeners } from './listeners.ts';
export { LoopBudget, loopBudgetOf } from './loop-budget.ts';
export { neverThrowing } from './never-throwing.ts';
export { type RaceOptions, raceContext } from './race-context.ts';
export { rejectedPromise } from './rejected-promise.ts';
export { Rejections } from './rejections.ts';
export { signalOf } from './signal-of.ts';
export {
  checkBetween,
  checkBoolean,
  checkClock,
  checkDeadline,
  checkDuration,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkNonNegativeOrInfinity,
  checkOneOf,
  checkPositive,
  checkPriority,
  checkSignal,
  describe,
  MAX_DEADLINE_MS,
} from './validate.ts';
export { Waiter, WaitQueue, type WaitQueueOptions } from './wait-queue.ts';
export {
  ATTEMPT_HEADER,
  GRPC_TIMEOUT_HEADER,
  type HeaderSource,
  PRIORITY_HEADER,
  parseAttempt,
  parseGrpcTimeoutMs,
  parsePriority,
  parseTimeoutMs,
  readHeader,
  TIMEOUT_HEADER,
  type WireFields,
  wireHeaders,
} from './wire-headers.ts';

export {
  checkDeadline,
  EMPTY_CONTEXT,
  isOver,
  rejectionAtEntry,
  rejectionFor,
  watchContext,
} from './call-end.ts';
export { Closing, type ClosingOptions, checkDrainOptions } from './closing.ts';
export { atDeadline } from './deadlines.ts';
export { type DeriveOptions, deriveContext, raceContext } from './derive-context.ts';
export { MAX_ESTIMATE_MS } from './estimate.ts';
export { Heap, HeapNode } from './heap.ts';
export { Listeners } from './listeners.ts';
export { LoopBudget, loopBudgetOf } from './loop-budget.ts';
export { neverThrowing } from './never-throwing.ts';
export { rejectedPromise } from './rejected-promise.ts';
export { Rejections } from './rejections.ts';
export {
  checkBetween,
  checkBoolean,
  checkClock,
  checkFunction,
  checkInteger,
  checkName,
  checkNonNegative,
  checkNonNegativeOrInfinity,
  checkOneOf,
  checkOptions,
  checkPositive,
} from './validate.ts';
export { Waiter, WaitQueue, type WaitQueueOptions } from './wait-queue.ts';

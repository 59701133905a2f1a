export {
  ATTEMPT_HEADER,
  GRPC_TIMEOUT_HEADER,
  type HeaderSource,
  PRIORITY_HEADER,
  parseGrpcTimeoutMs,
  parseTimeoutMs,
  TIMEOUT_HEADER,
} from '@bp/core/kit';
export { ContextDoneError, type ContextDoneOptions, type DoneKind } from './done.ts';
export { type ContextKey, contextKey } from './key.ts';
export type { ChildOptions, RequestContextOptions } from './options.ts';
export {
  contextHeaders,
  type InboundLimits,
  type OutboundContext,
  type OutboundOptions,
  readAttempt,
  readContextOptions,
} from './propagation.ts';
export { RequestContext } from './request-context.ts';
export { type TimeoutOptions, timeout } from './timeout.ts';

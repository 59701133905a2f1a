import type { FastifyReply, FastifyRequest } from 'fastify';

/** Whether the client of a request that is not answered yet has closed the connection or the stream. */
export function isClientGone({ raw }: FastifyRequest, reply: FastifyReply): boolean {
  // A response that is pipelined behind another one has no socket yet, so it learns nothing of the end of the connection.
  if (raw.httpVersionMajor === 1) return reply.raw.destroyed || raw.socket?.destroyed === true;
  return (reply.raw as { readonly stream?: { readonly destroyed: boolean } }).stream?.destroyed ?? true;
}

import type { ConnectionError, FastifyServerOptions } from 'fastify';
import { errorBody } from './errors.ts';

const CRLF = '\r\n';

/**
 * Responds to input that is no complete HTTP request with the same body as to other errors: an unknown method, a head that is
 * too large, a client that is too slow. Then it closes the connection.
 */
export const respondToClientError: NonNullable<FastifyServerOptions['clientErrorHandler']> = (
  error,
  socket,
) => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return;
  const [status, message] = complaint(error);
  const response = errorBody(status, message);
  const body = JSON.stringify(response);
  if (socket.writable) {
    const head = [
      `HTTP/1.1 ${status} ${response.error}`,
      'content-type: application/json; charset=utf-8',
      `content-length: ${Buffer.byteLength(body)}`,
      'connection: close',
    ];
    socket.write(head.join(CRLF) + CRLF + CRLF + body);
  }
  socket.destroySoon();
};

function complaint({ code }: ConnectionError): readonly [number, string] {
  switch (code as string) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, 'the request took too long to arrive'];
    case 'HPE_HEADER_OVERFLOW':
      return [431, 'the head of the request is too large'];
    case 'HPE_INVALID_METHOD':
      return [400, 'the request has a method that is not known'];
    default:
      return [400, 'this is not a valid HTTP request'];
  }
}

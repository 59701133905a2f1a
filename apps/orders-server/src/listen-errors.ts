/**
 * Describes in one line why a server could not listen; undefined if `error` is another error.
 *
 * @param variable - name of the setting that holds the port.
 */
export function listenFailure(error: unknown, variable: string): string | undefined {
  const { code, syscall, address, port } = error as NodeJS.ErrnoException & ListenError;
  if (syscall !== 'listen' || code === undefined) return undefined;
  if (code === 'EADDRINUSE')
    return `port ${port} on ${address} is in use: stop the process that listens there, or set ${variable} to a free port`;
  return `cannot listen on port ${port} of ${address}: ${code}`;
}

/** The fields that Node adds to errors of `listen`. */
interface ListenError {
  readonly address?: string;
  readonly port?: number;
}

import { type Config, loadConfig } from './config.ts';
import { listenFailure } from './listen-errors.ts';

/** Prints one message and ends the process with code 1. */
function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

/** Reads the configuration from the environment, or ends the process with a message that names every bad setting. */
export function configOrExit(): Config {
  try {
    return loadConfig(process.env);
  } catch (error) {
    return fail((error as Error).message);
  }
}

/** Awaits a server that starts to listen, or ends the process with one line if its port cannot be used. */
export async function listeningOrExit<T>(variable: string, listening: Promise<T>): Promise<T> {
  try {
    return await listening;
  } catch (error) {
    const failure = listenFailure(error, variable);
    if (failure === undefined) throw error;
    return fail(failure);
  }
}

// The error of everything that finds and reads data sets.

export type DataErrorCode =
  /** Nothing is at the path that was given. */
  | 'DATA_NOT_FOUND'
  /** The path may not be read. */
  | 'DATA_NO_PERMISSION'
  /** The path is something else than the data set. */
  | 'DATA_WRONG_KIND'
  /** Some of the set's files are there, others not. */
  | 'DATA_MISSING_FILES'
  /** A file is shorter than its records need. */
  | 'DATA_TRUNCATED'
  /** A file holds another number of records than expected. */
  | 'DATA_WRONG_COUNT'
  /** A record's label is no class. */
  | 'DATA_BAD_LABEL'
  /** An archive cannot be unpacked. */
  | 'DATA_BAD_ARCHIVE'
  /** The set is not here and could not be downloaded. */
  | 'DATA_UNREACHABLE'
  /** The system would not read or write: disk full, device gone. */
  | 'DATA_SYSTEM';

/** A data set that is missing or not what it should be; `message` says what to do, `code` is for programs. */
export class DataError extends Error {
  readonly code: DataErrorCode;

  constructor(code: DataErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DataError';
    this.code = code;
  }
}

/** A DataError for what a call to the file system threw about `path`. */
export function systemError(error: unknown, path: string): DataError {
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'ENOENT')
    return new DataError('DATA_NOT_FOUND', `There is nothing at ${path}.`, { cause: error });
  if (code === 'EACCES' || code === 'EPERM') {
    const text = `${path} may not be read by this user (${code}). Change its permissions, or give another path.`;
    return new DataError('DATA_NO_PERMISSION', text, { cause: error });
  }
  const reason = (error as { message?: unknown } | null)?.message ?? error;
  return new DataError('DATA_SYSTEM', `${path} cannot be read: ${String(reason)}`, { cause: error });
}

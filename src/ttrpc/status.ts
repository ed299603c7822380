/** Status codes of ttrpc; the numbers are gRPC's. */
export const Code = {
  ok: 0,
  canceled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const;

const names = new Map<number, string>(Object.entries(Code).map(([name, code]) => [code, name]));

/** The name of a status code for logs; of a number that is none, the number. */
export function codeName(code: number): string {
  return names.get(code) ?? String(code);
}

/**
 * A call that failed, at the peer or on the way. `code` may be a number outside of `Code`: peers send what they like.
 * `message` begins with the name of the code, so that a bare log line is enough; `status` is the text as on the wire.
 */
export class TtrpcError extends Error {
  override readonly name = "TtrpcError";
  readonly code: number;
  readonly status: string;

  constructor(code: number, status: string, options?: ErrorOptions) {
    super(`[${codeName(code)}] ${status}`, options);
    this.code = code;
    this.status = status;
  }

  /** Turns anything thrown into a `TtrpcError`, which keeps it as `cause`. One that is a `TtrpcError` stays as it is. */
  static from(reason: unknown, code: number = Code.unknown): TtrpcError {
    if (reason instanceof TtrpcError) return reason;
    return new TtrpcError(code, reason instanceof Error ? reason.message : String(reason), { cause: reason });
  }
}

/**
 * What went wrong: `connect` means that there was no connection, `frame-too-long`, `cut-off` and `peer-not-reading` ended
 * one, `event-name` is a wrong setting, `identity` and `socket-env` mean that the plugin was started in a way it cannot
 * work.
 */
export type NriErrorCode =
  | "connect"
  | "frame-too-long"
  | "cut-off"
  | "peer-not-reading"
  | "event-name"
  | "identity"
  | "socket-env";

/** A failure of the NRI side that is not the status of a call. */
export class NriError extends Error {
  override readonly name = "NriError";
  readonly code: NriErrorCode;

  constructor(code: NriErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

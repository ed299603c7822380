import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { Code, TtrpcError } from "./status.ts";

/**
 * Decodes the payload of a call. Undeclared fields are skipped and forgotten; byte fields are views into `bytes`.
 * Throws a `TtrpcError` (`internal`, the code of the Go server for this) when the bytes are not such a message.
 */
export function decodePayload<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> {
  try {
    return fromBinary(schema, bytes, { readUnknownFields: false });
  } catch (error) {
    throw new TtrpcError(Code.internal, `Cannot decode ${schema.name}: ${TtrpcError.from(error).status}`, {
      cause: error,
    });
  }
}

import type { Target } from "./fuzzer.ts";
import { bolt } from "./targets/bolt.ts";
import { client } from "./targets/client.ts";
import { configuration } from "./targets/configuration.ts";
import { frames } from "./targets/frames.ts";
import { messages } from "./targets/messages.ts";
import { mounts } from "./targets/mounts.ts";
import { records } from "./targets/records.ts";
import { references } from "./targets/references.ts";
import { requests } from "./targets/requests.ts";
import { storedRecords, tables } from "./targets/results.ts";
import { server } from "./targets/server.ts";

/** Everything that reads what others wrote. */
export const targets: readonly Target[] = [
  frames,
  messages,
  server,
  client,
  requests,
  references,
  configuration,
  mounts,
  records,
  tables,
  storedRecords,
  bolt,
];

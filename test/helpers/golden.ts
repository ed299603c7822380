/** Bytes from hex digits; spaces are for the reader. */
export function hex(text: string): Uint8Array {
  return Uint8Array.fromHex(text.replaceAll(/\s+/g, ""));
}

const PLUGIN_SERVICE = "0a1b6e72692e706b672e6170692e7631616c706861312e506c7567696e";
const POD = "0a0270311203706f64220764656661756c74";
const CONTAINER = `0a026331120270311a03776562 2001
  323e0a1c696f2e6b756265726e657465732e6372692e696d6167652d6e616d65121e646f636b65722e696f2f6c6962726172792f6e67696e783a6c6174657374
  609221`;
const METADATA = "2a240a1a636f6e7461696e6572642d6e616d6573706163652d747472706312066b38732e696f";

/**
 * Whole mux frames as real runtimes and plugins write them (containerd 1.7.24 with NRI 0.6.1 and 2.1.9 with 0.8.0),
 * with short names in place of the captured ones.
 */
export const golden = {
  /** RegisterPlugin of "optimizer", index "02", made for NRI "v0.12.2", with a deadline of 5 s. */
  register: hex(`0000000200000058 0000004e000000010100
    0a1c6e72692e706b672e6170692e7631616c706861312e52756e74696d65 120e5265676973746572506c7567696e
    1a180a096f7074696d697a657212023032 1a0776302e31322e32 2080e497d012`),
  registerReply: hex("000000020000000a 00000000000000010200"),
  /** Without config, runtime containerd 2.1.9, timeouts 5000 and 2000 ms. */
  configure: hex(`0000000100000053 00000049000000010100 ${PLUGIN_SERVICE} 1209436f6e666967757265
    1a19120a636f6e7461696e6572641a05322e312e3920882728d00f 20a7bad3b907`),
  /** Mask 0x220: start and stop. */
  configureReply: hex("000000010000000f 00000005000000010200 120310a004"),
  /** Mask 0x620: start, stop and remove. */
  configureReplyRemove: hex("000000010000000f 00000005000000010200 120310a00c"),
  /** Of a node without pods. */
  synchronize: hex(`000000010000003a 00000030000000030100 ${PLUGIN_SERVICE}
    120b53796e6368726f6e697a65 20eb93ceb907`),
  synchronizeReply: hex("000000010000000a 00000000000000030200"),
  /** To a part that says that more follows. */
  synchronizeReplyMore: hex("000000010000000e 00000004000000030200 12021001"),
  /** Event 6 of container "c1" in pod "p1". */
  stateChangeStart: hex(`00000001000000cc 000000c2000000050100 ${PLUGIN_SERVICE}
    120b53746174654368616e6765 1a6a0806 1212${POD} 1a52${CONTAINER} 20c4cab4b907 ${METADATA}`),
  /** The same event as a call of its own. */
  startContainer: hex(`00000001000000cd 000000c3000000050100 ${PLUGIN_SERVICE}
    120e5374617274436f6e7461696e6572 1a68 0a12${POD} 1252${CONTAINER} 20c4cab4b907 ${METADATA}`),
  startReply: hex("000000010000000a 00000000000000050200"),
  stopContainer: hex(`000000010000005d 00000053000000070100 ${PLUGIN_SERVICE} 120d53746f70436f6e7461696e6572
    1a1f 0a12${POD} 12090a0263312003609221 20aa8ad3b907`),
  stopReply: hex("000000010000000a 00000000000000070200"),
  /** A call of the method "Foo" on stream 9, and the reply to it. */
  unknownMethod: hex(`000000010000002c 00000022000000090100 ${PLUGIN_SERVICE} 1203466f6f`),
  unknownMethodReply: hex("000000010000001a 00000010000000090200 0a0e080c120a6d6574686f6420466f6f"),
} as const;

/** The logical connections on NRI's trunk. 0 is reserved and never used. */
export const ConnectionId = {
  /** The plugin answers the runtime. */
  plugin: 1,
  /** The runtime answers the plugin. */
  runtime: 2,
} as const;

/** The service the plugin serves on `ConnectionId.plugin`. */
export const PLUGIN_SERVICE = "nri.pkg.api.v1alpha1.Plugin";

/** The service the runtime serves on `ConnectionId.runtime`. */
export const RUNTIME_SERVICE = "nri.pkg.api.v1alpha1.Runtime";

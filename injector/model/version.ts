import manifest from "../../package.json" with { type: "json" };

export const VERSION: string = manifest.version;

/** Where the released images are, without their names. */
export const REGISTRY: string = manifest.config.registry;

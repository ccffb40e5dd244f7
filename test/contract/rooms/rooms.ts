/**
 * The rooms of each program from top to bottom: a room imports from rooms below it only. `main` stands for the files
 * beside the rooms, which compose them.
 */
export const ROOMS = {
  injector: [
    "main",
    "cli",
    "controller",
    "broker",
    "serve",
    "http",
    "tls",
    "cluster",
    "review",
    "mutate",
    "decide",
    "config",
    "sources",
    "model",
  ],
  sidecar: [
    "main",
    "imds",
    "wire",
    "engine",
    "guard",
    "proof",
    "config",
    "sources",
    "sts",
    "kit",
    "contract",
  ],
} as const;

export type Program = keyof typeof ROOMS;

/** The parts of the sidecar that the injector may import. */
export const SHARED = ["kit", "contract"] as const;

/** What the broker may import too: it does for all sidecars what each does for itself in the other sources. */
export const SHARED_WITH_BROKER = ["engine", "sources", "sts"] as const;

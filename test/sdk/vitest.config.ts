import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("../..", import.meta.url).pathname,
    include: ["test/sdk/**/*.test.ts"],
    globalSetup: ["test/sdk/global-setup.ts"],
    // Most of a trial's time is waiting for a session to end.
    maxConcurrency: 8,
    testTimeout: 120_000,
    hookTimeout: 60_000,
  },
});

import { defineConfig } from "vitest/config";

/** `npm test`: everything that needs no process of its own and waits on no real clock. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/{injector,sidecar,contract,fuzz}/**/*.test.ts"],
    exclude: ["**/*.process.test.ts"],
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});

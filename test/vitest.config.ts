import { defineConfig } from "vitest/config";
import { CLI_TESTS } from "./vitest.process.config.ts";

/** `npm test`: everything that needs no process of its own and waits on no real clock. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/{injector,sidecar,contract}/**/*.test.ts"],
    exclude: ["**/*.process.test.ts", ...CLI_TESTS],
    isolate: false,
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});

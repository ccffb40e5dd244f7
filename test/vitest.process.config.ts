import { defineConfig } from "vitest/config";

/** `npm run test:process`: tests that start programs, wait on real clocks over sockets, or flood a server. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/{injector,sidecar,contract}/**/*.process.test.ts"],
    isolate: false,
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});

import { defineConfig } from "vitest/config";

/** These still start the command line as a process of its own. */
export const CLI_TESTS = ["test/injector/cli/*/command.test.ts"];

/** `npm run test:process`: tests that start programs, wait on real clocks over sockets, or flood a server. */
export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/{injector,sidecar,contract}/**/*.process.test.ts", ...CLI_TESTS],
    isolate: false,
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});

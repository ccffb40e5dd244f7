import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    root: new URL("..", import.meta.url).pathname,
    include: ["test/{injector,sidecar,contract}/**/*.test.ts"],
    isolate: false,
    testTimeout: 20_000,
  },
});

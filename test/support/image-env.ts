import { readFileSync } from "node:fs";

/** The variables that Dockerfile.injector sets. */
export const IMAGE_ENV: Readonly<Record<string, string>> = Object.fromEntries(
  [
    ...readFileSync(new URL("../../Dockerfile.injector", import.meta.url), "utf8").matchAll(
      /^ENV (\w+)="?([^"\n]*)"?$/gm,
    ),
  ].map(([, name = "", value = ""]) => [name, value]),
);

import { readFileSync } from "node:fs";

/** The variables that a Dockerfile sets for its program, without PATH. */
const variablesOf = (name: string): Readonly<Record<string, string>> => {
  const text = readFileSync(new URL(`../../${name}`, import.meta.url), "utf8");
  const set = text.slice(text.lastIndexOf("\nFROM ")).matchAll(/^ENV (\w+)="?([^"\n]*)"?$/gm);
  return Object.fromEntries(
    [...set].flatMap(([, key = "", value = ""]) => (key === "PATH" ? [] : [[key, value]])),
  );
};

export const IMAGE_ENV = variablesOf("Dockerfile.injector");
export const SIDECAR_IMAGE_ENV = variablesOf("Dockerfile.sidecar");

import { existsSync, readdirSync, readFileSync } from "node:fs";

const at = (path: string): URL => new URL(`../../../${path}`, import.meta.url);

/** The text of a file, by its path from the root of the tree. */
export const textOf = (path: string): string => readFileSync(at(path), "utf8");
export const isThere = (path: string): boolean => existsSync(at(path));

/** The words of all files in these folders. */
export const wordsIn = (folders: readonly string[], word: RegExp): Set<string> =>
  new Set(
    folders.flatMap((folder) =>
      readdirSync(at(folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .flatMap(({ parentPath, name }) => readFileSync(`${parentPath}/${name}`, "utf8").match(word) ?? []),
    ),
  );

/** The pages for readers: README.md, CONTRIBUTING.md and those in deploy/. */
export const PAGES: readonly string[] = [
  "README.md",
  ".github/CONTRIBUTING.md",
  ...readdirSync(at("deploy"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `deploy/${file}`),
].toSorted();

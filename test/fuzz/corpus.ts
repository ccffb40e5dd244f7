import { readdirSync, readFileSync } from "node:fs";
import type { Fields } from "../../injector/model/read.ts";
import { documentsIn } from "../support/goldens.ts";

const FOLDER = new URL("../injector/golden/", import.meta.url);

/** The pods of the golden files. */
export const goldenPods = (): readonly Fields[] =>
  readdirSync(FOLDER)
    .filter((file) => file.endsWith(".in.yaml"))
    .sort()
    .flatMap((file) => documentsIn(readFileSync(new URL(file, FOLDER), "utf8")))
    .filter(({ kind }) => kind === "Pod");

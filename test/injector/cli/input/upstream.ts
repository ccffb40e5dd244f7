import { buildGo } from "../../../support/go-program.ts";

/** For each text the JSON of its documents as kubectl reads them, null where it reads none. */
export type Upstream = (texts: readonly string[]) => Promise<readonly (readonly string[] | null)[]>;

/** Builds the program in the folder, or says what the machine lacks for it. */
export async function buildUpstream(folder: string): Promise<Upstream | string> {
  const read = await buildGo(new URL("upstream", import.meta.url), folder);
  return typeof read === "string"
    ? read
    : async (texts) => JSON.parse(await read(JSON.stringify(texts))) as Awaited<ReturnType<Upstream>>;
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CodedError } from "../../../../sidecar/kit/errors.ts";
import type { Fields } from "../../../model/read.ts";
import { objectsIn } from "../../input/files.ts";
import { parseManifests } from "../../input/manifests.ts";
import { unreadable } from "../../input/unreadable.ts";
import { kindOf } from "../../../model/workload.ts";

/** An object of the examples, and the file it stands in. */
export interface Example {
  readonly file: string;
  readonly object: Fields;
}

/** The best known kinds come first; the first is shown in full. */
const KINDS = ["Deployment", "Job", "CronJob"];

/**
 * Every object of a folder's manifests, by kind and by the files' names.
 * @throws CodedError `FILE_UNREADABLE`, `MANIFEST_UNPARSABLE`
 */
export async function readExamples(folder: string): Promise<readonly Example[]> {
  const files = (await readable(folder, () => readdir(folder)))
    .filter((name) => /\.(?:ya?ml|json)$/.test(name))
    .sort();
  if (files.length === 0) throw new CodedError("FILE_UNREADABLE", `${folder} holds no manifests.`);
  const texts = await Promise.all(
    files.map((file) => readable(file, () => readFile(join(folder, file), "utf8"))),
  );
  const examples = texts.flatMap((text, index) => {
    const file = files[index] ?? "";
    return objectsIn(parseManifests(text, file)).map((object) => ({ file, object }));
  });
  const rank = ({ object }: Example): number => {
    const index = KINDS.indexOf(kindOf(object));
    return index === -1 ? KINDS.length : index;
  };
  return examples.sort((a, b) => rank(a) - rank(b));
}

async function readable<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw unreadable(name, error);
  }
}

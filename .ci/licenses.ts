import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A package that is part of a bundle. */
export interface Bundled {
  /** `name@version` */
  readonly id: string;
  /** Licences and notices. They have to be distributed with the bundle. */
  readonly texts: readonly string[];
}

/** An output file, as esbuild's metafile describes it. */
export interface Output {
  readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>>;
}

/**
 * The packages whose code is in the outputs.
 * @throws Error if a package has no licence text and this file does not know the text of its licence
 */
export function bundledIn(outputs: Readonly<Record<string, Output>>, root: string): readonly Bundled[] {
  const inputs = Object.values(outputs).flatMap((output) => Object.entries(output.inputs));
  const folders = inputs.flatMap(([path, { bytesInOutput }]) => {
    const [folder] = /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? [];
    return folder === undefined || bytesInOutput === 0 ? [] : [folder];
  });
  return [...new Set(folders)].sort().map((folder) => packageIn(join(root, folder), root));
}

interface PackageJson {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string | { readonly name: string };
}

const TEXT_FILE = /^(?:(?:un)?licen[cs]e|copying|notice)(?:[.-](?:md|txt|mit|bsd|apache2?))?$/i;

function packageIn(folder: string, root: string): Bundled {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageJson;
  const files = readdirSync(folder).filter((file) => TEXT_FILE.test(file));
  const texts = files.sort().map((file) => readFileSync(join(folder, file), "utf8").trim());
  return { id: `${about.name}@${about.version}`, texts: texts.length > 0 ? texts : [textOf(about, root)] };
}

/** The text for a package that names its licence without including the text. */
function textOf({ name, license, author }: PackageJson, root: string): string {
  if (license === "Apache-2.0") return readFileSync(join(root, "LICENSE"), "utf8").trim();
  if (license === "MIT") {
    const holder = typeof author === "object" ? author.name : (author ?? `the authors of ${name}`);
    return `MIT License\n\nCopyright (c) ${holder.replace(/ <.*/, "")}\n\n${MIT}`;
  }
  throw new Error(
    `${name} (${license ?? "no licence"}) is bundled and comes without the text of its licence.`,
  );
}

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`;

/** All texts in one file, each once, below the names of its packages. */
export function licenseText(packages: readonly Bundled[]): string {
  const all = packages.flatMap(({ id, texts }) => texts.map((text) => ({ id, text })));
  const sections = [...Map.groupBy(all, ({ text }) => text)].map(
    ([text, holders]) => `${holders.map(({ id }) => id).join("\n")}\n\n${text}\n`,
  );
  return sections.join(`\n${"-".repeat(80)}\n\n`);
}

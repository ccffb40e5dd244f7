import { dirname, join } from "node:path/posix";
import { parseGrant } from "../../../injector/model/grant.ts";
import { strayAnnotations, type On } from "../../../injector/model/annotations.ts";
import { isRecord, own, stringMap } from "../../../injector/model/read.ts";
import { templateOf } from "../../../injector/model/workload.ts";
import { documentsIn } from "../../support/goldens.ts";
import { parsePage, SPAN, type Fence, type Located, type Page } from "./markdown.ts";
import { keyComplaints, nameComplaints } from "./names.ts";
import { peersOf } from "./peers.ts";
import type { Around } from "./arguments.ts";
import { complaintsAbout } from "./programs.ts";
import { commandsIn } from "./shell.ts";
import { hasValue, isThere, textOf } from "./tree.ts";

/** Everything on a page that is not so, as `page:line: sentence`. */
export function complaintsIn(path: string, markdown: string): readonly string[] {
  const page = parsePage(path, markdown);
  const words = page.prose.map(({ text }) => text).join("\n");
  const explains = (placeholder: string): boolean =>
    new RegExp(`(?<![\\w-])${placeholder}(?![\\w-])`).test(words);
  const made = new Set<string>();
  const peers = peersOf(path);
  const isSaid = saidIn(page);
  const located = (line: number, complaints: readonly string[]): readonly string[] =>
    complaints.map((complaint) => `${path}:${line}: ${complaint}.`);
  return [
    ...page.fences.flatMap((fence) =>
      fenceComplaints(fence, { made, explains, inPassing: false }, made, located),
    ),
    ...page.spans.flatMap(({ text, line }) =>
      located(line, spanComplaints(text, { made, explains, inPassing: true })),
    ),
    ...page.spans
      .filter(({ line }) => !isSaid(line))
      .flatMap(({ text, line }) => located(line, nameComplaints(text, peers))),
    ...[...page.prose, ...page.fences]
      .filter(({ line }) => !isSaid(line))
      .flatMap(({ text, line }) => located(line, keyComplaints(text, peers))),
    ...page.links.flatMap((link) => located(link.line, linkComplaints(page, link))),
    ...page.prose.flatMap(({ text, line }) =>
      located(line, text.replaceAll(SPAN, "").includes("`") ? ["a backtick has no partner"] : []),
    ),
  ];
}

/** Lines in which the programs and their clients speak, see troubleshooting-page.test.ts: their words are not ours to mend. */
function saidIn({ prose }: Page): (line: number) => boolean {
  const lines = (mark: string): readonly number[] =>
    prose.filter(({ text }) => text.startsWith(mark)).map(({ line }) => line);
  const [starts, ends] = [lines("<!-- said: "), lines("<!-- /said -->")];
  return (line) => starts.some((start, index) => start < line && line < (ends[index] ?? 0));
}

type Locate = (line: number, complaints: readonly string[]) => readonly string[];

/** Languages whose blocks are looked into, and those that nobody runs. */
const SHELL = "sh";
const SHOWN = new Set(["json", "text", "mermaid", ""]);

function fenceComplaints(
  { language, text, line }: Fence,
  around: Around,
  made: Set<string>,
  located: Locate,
): readonly string[] {
  if (language === "yaml") return located(line, yamlComplaints(text));
  if (language !== SHELL) {
    return SHOWN.has(language)
      ? []
      : located(line, [`a block of \`${language}\` is not looked into: write sh`]);
  }
  try {
    return commandsIn(text).flatMap((command) => {
      const complaints = complaintsAbout(command, around);
      for (const file of command.writes) made.add(file);
      return located(line + command.line, complaints);
    });
  } catch (error) {
    return located(line, [error instanceof Error ? error.message : String(error)]);
  }
}

/** What the guard begins its message with. */
const GUARDS_WORDS = "podrole guard";

/** Commands in the midst of a sentence, which are told by the program that they begin with. */
function spanComplaints(text: string, around: Around): readonly string[] {
  if (!/^(?:npm|npx|node|podrole|kubectl|helm) \S/.test(text) || text === GUARDS_WORDS) return [];
  try {
    return commandsIn(text).flatMap((command) => complaintsAbout(command, around));
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

/** Objects of podrole's in a block of YAML can be read; a block that says so in its first line is values of the chart. */
function yamlComplaints(text: string): readonly string[] {
  try {
    return documentsIn(text).flatMap((document) => {
      if (text.startsWith("# values.yaml")) {
        return pathsIn(document)
          .filter((path) => !hasValue(path))
          .map((path) => `the chart has no value \`${path}\``);
      }
      const kind = own(document, "kind");
      if (kind === "RoleGrant") {
        parseGrant(document);
        return [];
      }
      const pod = templateOf(document)?.pod;
      return [
        ...(kind === "Namespace" || kind === "ServiceAccount" ? strays(kind, document) : []),
        ...(pod === undefined ? [] : strays("Pod", pod)),
      ];
    });
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}

function strays(on: On, object: unknown): readonly string[] {
  const metadata = isRecord(object) ? own(object, "metadata") : undefined;
  const annotations = stringMap(isRecord(metadata) ? own(metadata, "annotations") : undefined);
  return strayAnnotations(on, annotations).map(({ message, remedy }) => `${message} ${remedy}`);
}

const pathsIn = (value: unknown, before = ""): readonly string[] =>
  isRecord(value)
    ? Object.entries(value).flatMap(([name, below]) =>
        pathsIn(below, before === "" ? name : `${before}.${name}`),
      )
    : [before];

function linkComplaints({ path, headings }: Page, { text: target }: Located): readonly string[] {
  if (/^[a-z]+:/.test(target)) return [];
  const [file = "", anchor] = target.split("#");
  const there = file === "" ? path : join(dirname(path), file).replace(/\/$/, "");
  if (there !== path && !isThere(there)) return [`the link leads to \`${there}\`, which is not there`];
  if (anchor === undefined) return [];
  if (!there.endsWith(".md")) return [`\`${there}\` has no headings to link to`];
  const anchors = there === path ? headings : parsePage(there, textOf(there)).headings;
  return anchors.some((heading) => heading.anchor === anchor)
    ? []
    : [`\`${there}\` has no heading \`#${anchor}\``];
}

import { missing, valuesOf, type Around, type Check } from "./arguments.ts";
import { helm } from "./helm.ts";
import { kubectl } from "./kubectl.ts";
import { podrole } from "./podrole.ts";
import type { ShellCommand } from "./shell.ts";
import { SCRIPTS } from "./tree.ts";

/** Whether a command of a page could be run as it stands. */

/** What is wrong with it: sentences, none where nothing is. */
export function complaintsAbout({ words }: ShellCommand, around: Around): readonly string[] {
  const [program = "", ...args] = withoutAssignments(words);
  const check = Object.hasOwn(PROGRAMS, program) ? PROGRAMS[program] : undefined;
  if (check === undefined) return [`there is no program \`${program}\` that the docs may use`];
  return [...check(args, around), ...placeholders(args, around)];
}

function withoutAssignments(words: readonly string[]): readonly string[] {
  const program = words.findIndex((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word));
  return program === -1 ? [] : words.slice(program);
}

const NPM_ITSELF = new Set(["ci", "sbom"]);

const PROGRAMS: Readonly<Record<string, Check>> = {
  npm: ([verb = "", script = ""]) => {
    if (NPM_ITSELF.has(verb)) return [];
    const name = verb === "run" ? script : verb;
    return SCRIPTS.has(name) ? [] : [`package.json has no script \`${name}\``];
  },
  npx: (args, around) => args.filter(isPath).flatMap((path) => missing(path, around)),
  node: ([program = "", ...args], around) => {
    if (program !== "dist/cli.mjs") return [`\`node ${program}\` is no program of podrole's`];
    return podrole(args, around);
  },
  podrole,
  buildah: (args, around) => valuesOf(args, ["-f"]).flatMap((file) => missing(file, around)),
  curl: () => [],
  aws: (args, around) => [
    ...(AWS.has(args.slice(0, 2).join(" "))
      ? []
      : [`\`aws ${args.slice(0, 2).join(" ")}\` is not known here`]),
    ...args
      .filter((word) => word.startsWith("file://"))
      .flatMap((word) => missing(word.slice("file://".length), around)),
  ],
  helm,
  kubectl,
};

/** Tried with the AWS CLI: each exists and takes the flags it is given. */
const AWS = new Set(["iam get-role", "iam update-assume-role-policy", "sts get-caller-identity"]);

const isPath = (word: string): boolean =>
  /^(?:deploy|test|injector|sidecar|\.ci|Dockerfile)\b.*[./]/.test(word);

/** Words of capitals stand for something of the reader's, and the page has to say for what. */
const placeholders: Check = (args, { explains }) => {
  const named = args
    .filter((word) => !word.includes("://"))
    .flatMap((word) => [...word.matchAll(/(?<![\w:$-])[A-Z]{3,}(?:-[A-Z]+)*(?![\w:=-])/g)]);
  const words = new Set(named.map(([word]) => word));
  return [...words]
    .filter((word) => !explains(word))
    .map((word) => `the page does not say what \`${word}\` stands for`);
};

import type { Command } from "commander";
import { podroleCommand } from "../../../injector/cli/podrole.ts";
import type { ShellCommand } from "./shell.ts";
import { isThere, textOf } from "./tree.ts";

export interface Around {
  /** Files that earlier commands of the page have written, and folders, which end in a slash. */
  readonly made: ReadonlySet<string>;
  /** Part of a sentence, where required arguments may be missing. */
  readonly inPassing: boolean;
}

/** The reasons why a command of a page cannot be run as written; empty when it can. */
export function complaintsAbout({ words }: ShellCommand, around: Around): readonly string[] {
  const [program, ...args] = programIn(words);
  if (program === undefined) return [];
  const check = Object.hasOwn(PROGRAMS, program) ? PROGRAMS[program] : undefined;
  if (check === undefined) return [`there is no program \`${program}\` that the docs may use`];
  const files = [...args.filter((word) => IN_TREE.test(word)), ...valuesOf(args, "-f", "--filename")];
  return [...check(args, around), ...files.flatMap((file) => missing(file, around))];
}

/** Without the variables in front; nothing where a command only sets some. `sudo` stands for whom it is run as. */
export function programIn(words: readonly string[]): readonly string[] {
  const first = words.findIndex((word) => !/^[A-Z_][A-Z0-9_]*=/.test(word));
  const rest = first === -1 ? [] : words.slice(first);
  return rest[0] === "sudo" ? rest.slice(1) : rest;
}

type Check = (args: readonly string[], around: Around) => readonly string[];

const SCRIPTS = (JSON.parse(textOf("package.json")) as { readonly scripts: object }).scripts;

const PROGRAMS: Readonly<Record<string, Check>> = {
  npm: ([verb = "", script = ""]) => {
    const name = verb === "run" ? script : verb;
    const isKnown =
      ["ci", "sbom", "pack", "install", "version"].includes(verb) || Object.hasOwn(SCRIPTS, name);
    return isKnown ? [] : [`package.json has no script \`${name}\``];
  },
  npx: ([program = ""]) =>
    isThere(`node_modules/.bin/${program}`) ? [] : [`npx finds no program \`${program}\``],
  node: ([program = "", ...args], around) =>
    program === "dist/cli.mjs" ? podrole(args, around) : [`\`node ${program}\` is no program of podrole's`],
  podrole,
  buildah: () => [],
  curl: () => [],
  docker: builds,
  skopeo: copies,
  cosign: ([verb = ""]) =>
    ["verify", "verify-attestation", "verify-blob"].includes(verb)
      ? []
      : [`cosign has no command \`${verb}\` that the docs may use`],
  gh: ([noun = "", verb = ""]) =>
    `${noun} ${verb}` === "attestation verify" ? [] : [`\`gh ${noun} ${verb}\` is not known here`],
  oras: ([verb = ""]) =>
    ["copy", "manifest"].includes(verb) ? [] : [`oras has no command \`${verb}\` that the docs may use`],
  ".ci/release": ([version = ""]) =>
    /^\d+\.\d+\.\d+$/.test(version) ? [] : [`.ci/release takes no version \`${version}\``],
  // Of the reader's machine, and of those that the pages are about.
  ...Object.fromEntries(
    "cd,cp,diff,git,grep,journalctl,jq,k3s,kops,mkdir,sha256sum,systemctl"
      .split(",")
      .map((name): [string, Check] => [name, () => []]),
  ),
  // The AWS CLI itself checks the flags: test/sdk/docs.test.ts.
  aws: ([service = "", verb = ""]) =>
    AWS.has(`${service} ${verb}`) ? [] : [`\`aws ${service} ${verb}\` is not known here`],
  // Runs the program that its words name, with more words.
  xargs: ([, , program = "", ...args], around) =>
    complaintsAbout({ words: [program, ...args], writes: [] }, around),
  // A script that an earlier command of the page has written.
  sh: ([file = ""], around) => missing(file, around),
  // helm itself checks flags and values: test/chart/docs.test.ts.
  helm: ([verb = "", ...args]) => [
    ...("install upgrade template uninstall rollback history get pull".split(" ").includes(verb)
      ? []
      : [`helm has no command \`${verb}\` that the docs may use`]),
    ...args
      .filter((word) => WITHOUT_REGISTRY.test(word))
      .map((word) => `\`${word}\` would be pulled from Docker Hub, where the name is anybody's`),
  ],
  kubectl: (args) => {
    const verb = args.find((word, at) => !word.startsWith("-") && !WITH_NAMESPACE.has(args[at - 1] ?? ""));
    const flags = args
      .slice(0, (args.indexOf("--") + 1 || Infinity) - 1)
      .filter((word) => /^--?[a-z]/i.test(word));
    return [
      ...(KUBECTL_VERBS.has(verb ?? "") ? [] : [`kubectl has no command \`${verb}\` that the docs may use`]),
      ...flags
        .filter((flag) => !KUBECTL_FLAGS.has(flag.split("=")[0] ?? ""))
        .map((flag) => `kubectl is not given \`${flag}\` in the docs`),
    ];
  },
};

/** A value that names an image without the host of a registry. */
const WITHOUT_REGISTRY =
  /^(?:image\.repository|options\.image)=(?:docker\.io\/|(?!\$REGISTRY\/|localhost\/|[\w-]+\.[\w.-]+(?::\d+)?\/))/;

/** The Dockerfile is checked as a file. */
function builds([verb = "", ...args]: readonly string[]): readonly string[] {
  const flags = args.filter((word) => word.startsWith("-"));
  const unknown = flags.filter((flag) => !["-f", "-t", "--build-arg"].includes(flag));
  return verb === "build"
    ? unknown.map((flag) => `docker build is not given \`${flag}\` in the docs`)
    : [`\`docker ${verb}\` is not known here`];
}

/** An image for several platforms is copied whole, with the digest that its signature and `install.yaml` name. */
function copies(args: readonly string[]): readonly string[] {
  const wanted = ["copy", "--all", "--preserve-digests"];
  return wanted.filter((word) => !args.includes(word)).map((word) => `skopeo is called without \`${word}\``);
}

const AWS = new Set(
  (
    "ec2 modify-instance-metadata-options,ecr create-repository,ecr get-login-password,eks describe-cluster," +
    "eks describe-pod-identity-association,eks list-pod-identity-associations,iam list-roles," +
    "iam add-client-id-to-open-id-connect-provider,iam create-open-id-connect-provider,iam create-role," +
    "iam get-open-id-connect-provider,iam get-role,iam put-user-policy,iam update-assume-role-policy,s3 cp,s3api create-bucket," +
    "s3api delete-public-access-block,s3api put-bucket-acl,s3api put-bucket-policy,s3api put-public-access-block," +
    "sts assume-role-with-web-identity,sts get-caller-identity"
  ).split(","),
);
const WITH_NAMESPACE = new Set(["-n", "--namespace", "--context"]);
const KUBECTL_VERBS = new Set(
  "apply create delete get describe edit label annotate rollout scale logs exec debug port-forward drain auth".split(
    " ",
  ),
);
const KUBECTL_FLAGS = new Set(
  (
    "-n --namespace --context -f -o -l -A -w -c -it --all --all-namespaces --as --audience --copy-to --dry-run --field-selector --from-file --ignore-not-found " +
    "--image --keep-annotations --overwrite --previous --profile --raw --replicas --server-side --share-processes --since --sort-by --tail --target"
  ).split(" "),
);

/** Checks the arguments by Commander's definitions. */
function podrole([name = "", ...args]: readonly string[], { inPassing }: Around): readonly string[] {
  const command = podroleCommand().commands.find((one) => one.name() === name);
  if (command === undefined) return inPassing && name === "" ? [] : [`podrole has no command \`${name}\``];
  return inPassing ? unknownFlags(command, args) : refusals(command, args);
}

/** The command's error for these arguments, before it runs. */
function refusals(command: Command, args: readonly string[]): readonly string[] {
  const said: string[] = [];
  command
    .action(() => undefined)
    .exitOverride()
    .configureOutput({ writeErr: (text) => said.push(text.trim()), writeOut: () => undefined });
  try {
    command.parse([...args], { from: "user" });
    return [];
  } catch (error) {
    return [`podrole ${command.name()}: ${said.join(" ") || String(error)}`];
  }
}

const unknownFlags = (command: Command, args: readonly string[]): readonly string[] =>
  args
    .filter((word) => /^--?[a-z]/.test(word))
    .map((word) => word.split("=")[0] ?? "")
    .filter(
      (flag) =>
        flag !== "--help" && !command.options.some(({ short, long }) => flag === short || flag === long),
    )
    .map((flag) => `podrole ${command.name()} has no option \`${flag}\``);

const IN_TREE = /^(?:file:\/\/)?(?:deploy|test|injector|sidecar|\.ci|Dockerfile)\b.*[./]/;

/** @param file as written on a page; `-` is standard input, a name in capitals is a file that the reader has to write */
function missing(file: string, { made }: Around): readonly string[] {
  const path = file.replace("file://", "");
  if ([...made].some((folder) => folder.endsWith("/") && path.startsWith(folder))) return [];
  if (path === "-" || made.has(path) || /^[A-Z]+(?:\.yaml)?$/.test(path) || isThere(path)) return [];
  return [`there is no file \`${path}\`, and no command before it on the page makes one`];
}

/** The values that follow these flags, up to the next flag. */
const valuesOf = (args: readonly string[], ...flags: readonly string[]): readonly string[] =>
  args.flatMap((word, index) => {
    if (!flags.includes(word)) return [];
    const behind = args.slice(index + 1);
    const end = behind.findIndex((one) => one.startsWith("-") && one !== "-");
    return behind.slice(0, end === -1 ? undefined : end);
  });

import { Command, Option } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { withAssumptions } from "../input/files.ts";
import { FILES, OBJECTS, outputOption, withClusterOptions, withSettingOptions } from "../options.ts";
import { widthOf } from "../print/lines.ts";
import { writeFiles } from "../print/write-files.ts";
import { runAgainst } from "./against/command.ts";
import { DOCUMENTS, type DocumentName, type PolicyDocument } from "./document.ts";
import { documentsFor } from "./documents.ts";
import { type Need, type Parties } from "./calls.ts";
import { needsFrom } from "./input.ts";
import { aboutDuration, aboutHub } from "./need.ts";
import type { Options } from "./options.ts";
import { partiesFrom } from "./parties.ts";
import { withPartyOptions } from "./party-options.ts";
import { commandsText, policyFiles } from "./folder.ts";
import { commentary, deniedText, folderText, policiesText } from "./text.ts";

/** `podrole trust-policy`: what IAM has to be told, so that pods get their role and nobody else does. */
export function trustPolicyCommand(bind: Bind): Command {
  const command = new Command("trust-policy")
    .summary("print the IAM trust policy for a role")
    .description(
      "Print the IAM trust policy that a role needs, and explain it line by line on standard error. Either for a " +
        "service account, with --role, -n and --service-account, or for pods: those of manifests, with -f, or " +
        "those of a cluster. Where the role is reached through a hub role, the hub's policies are printed too. With " +
        "source broker, roles trust the broker alone, and the policies of the broker's own role or user are printed " +
        "too. With --against, an existing policy is checked instead: which statement lets the pods in, or why none does.",
    )
    .argument(...OBJECTS)
    .option(...FILES)
    .option("-A, --all-namespaces", "all pods and workloads of the cluster")
    .option("-n, --namespace <name>", "namespace of the service account, or of objects that name none")
    .option("--service-account <name...>", "service accounts; * in a name stands for any characters")
    .option("--role <role>", "the role: its ARN, or its name with --base-role-arn");
  withPartyOptions(command)
    .option("--external-id <id>", "external id, as in the pod's annotation")
    .option("--tags <json>", "session tags as JSON, as in the pod's annotation")
    .addOption(new Option("--document <name>", "print only this policy").choices(DOCUMENTS))
    .option(
      "--against <file>",
      "check this policy: what aws iam get-role prints, or the document alone; - is standard input",
    )
    .option(
      "--dir <folder>",
      "write each policy to a file of its own there, and print the commands that set them",
    )
    .option("--force", "with --dir: replace files that have other contents")
    .addOption(outputOption("text", "json"));
  withAssumptions(command);
  withClusterOptions(command);
  withSettingOptions(command);
  return command.action(bind(runTrustPolicy));
}

async function runTrustPolicy(io: Io, references: readonly string[], given: Options): Promise<ExitCode> {
  const options = { ...given, env: io.env };
  if (options.against !== undefined) return runAgainst(io, references, options, options.against);
  const { needs, installation, denied } = await needsFrom(references, options, io.stdin);
  const parties = await partiesFrom(options, ...needs.map(({ source }) => source));
  const all = documentsFor(needs, parties).map((one) => {
    const ofRole = needs.filter(({ role }) => one.document === "trust" && role === one.of);
    const hub = ofRole.flatMap((need) => aboutHub(need, installation.config)).slice(0, 1);
    return { ...one, warnings: [...one.warnings, ...hub] };
  });
  const shown = chosen(all, options.document, needs);
  const durations = new Set(needs.flatMap(aboutDuration));
  const notes = [...installation.assumptions, ...durations, ...aboutKeys(parties)];
  const exitCode = denied.length === 0 ? 0 : 1;
  if (options.dir !== undefined) {
    const files = policyFiles(shown, options.dir);
    await writeFiles(files, options.force === true);
    io.stderr.write(folderText(shown, files, notes, widthOf(io.stderr), io.stderr.paint));
    io.stderr.write(deniedText(denied));
    if (options.output === "json") {
      const listed = files.map(({ path, command }, index) => ({ ...shown[index], path, command }));
      io.stdout.write(`${JSON.stringify(listed, null, 2)}\n`);
    } else io.stdout.write(commandsText(files));
    return exitCode;
  }
  io.stderr.write(deniedText(denied));
  if (options.output === "json") {
    io.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return exitCode;
  }
  const others = all.filter((one) => !shown.includes(one)).map(({ document }) => document);
  io.stdout.write(policiesText(shown));
  io.stderr.write(commentary(shown, notes, others, widthOf(io.stderr), io.stderr.paint));
  return exitCode;
}

/** Why there is no trust policy of the broker's own. */
function aboutKeys({ caller, broker }: Parties): readonly string[] {
  if (caller === undefined || broker?.type !== "secret") return [];
  const why =
    caller.kind === "role"
      ? "whom that role trusts is for whoever makes the keys"
      : "a user has no trust policy";
  return [`The broker has the keys of ${caller.arn} in a Secret: ${why}.`];
}

/** The trust policy; with a hub role the hub's policies, and with source broker the broker's. */
function chosen(
  all: readonly PolicyDocument[],
  name: DocumentName | undefined,
  needs: readonly Need[],
): readonly PolicyDocument[] {
  const isChain = needs.some(({ steps }) => steps.length > 1);
  if (name === undefined) {
    return all.filter(
      ({ document }) =>
        document === "trust" || document.startsWith("broker-") || (isChain && document.startsWith("hub-")),
    );
  }
  const found = all.filter(({ document }) => document === name);
  if (found.length > 0) return found;
  throw new CodedError("USAGE", `There is no ${name} for this role.`, {
    remedy: `There is ${[...new Set(all.map(({ document }) => document))].join(", ")}.`,
  });
}

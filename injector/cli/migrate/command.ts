import { Argument, Command, Option } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { objectsIn, placedIn, readInput, readManifests } from "../input/files.ts";
import { isName } from "../live/reference.ts";
import { FILES, outputOption, withClusterOptions, withSettingOptions } from "../options.ts";
import { plain, widthOf } from "../print/lines.ts";
import { writeNewFolder } from "../print/write-files.ts";
import { withPartyOptions } from "../trust/party-options.ts";
import { parseAssociations } from "./from/associations.ts";
import { ORIGINS, type OriginName } from "./from/origin.ts";
import { migrate, type Read } from "./migrate.ts";
import type { Options } from "./options.ts";
import { hasTrouble, notesIn, reportJson } from "./report.ts";
import { grantsText } from "./steps.ts";
import { reportText } from "./text.ts";
import { parseRoles } from "./trust/roles-file.ts";

/** `podrole migrate`: what podrole needs, so that pods keep the roles that another tool gives them. */
export function migrateCommand(bind: Bind): Command {
  const command = new Command("migrate")
    .summary("write what podrole needs to take over from kube2iam, kiam or IRSA")
    .description(
      "Read what is there, in manifests or in a cluster, and tell which role each pod has now, which one podrole would " +
        "give it, and which pods podrole would refuse, and why. With --dir, also write what the migration needs: the " +
        "chart's values, RoleGrants, trust policies, and a script for each namespace and for its way back, with the " +
        "commands in their order. It only reads from the cluster, and it changes nothing by itself.",
    )
    .addArgument(
      new Argument("<tool>", "what gives pods their roles now; irsa is EKS Pod Identity, too").choices(
        ORIGINS,
      ),
    )
    .option(...FILES)
    .option("--live", "read the cluster of the kubeconfig")
    .option("-n, --namespace <name>", "only this namespace; also that of manifests that name none")
    .addOption(
      new Option(
        "--allow <what>",
        "what RoleGrants allow; used: to each service account the roles that its pods have now; permitted: also what the namespaces' own rules permit",
      )
        .choices(["used", "permitted"])
        .default("used"),
    )
    .option(
      "--tool-args <arguments>",
      "arguments that the tool runs with (default: those of its DaemonSet or Deployment)",
    )
    .option(
      "--roles <file...>",
      "what aws iam list-roles --output json prints, so that trust policies keep what is in them",
    )
    .option(
      "--associations <file>",
      "irsa: what aws eks describe-pod-identity-association prints, of one association after the other",
    )
    .option("--dir <folder>", "write the files there; it has to be new or empty")
    .addOption(outputOption("text", "yaml", "json"))
    .optionsGroup("Trust policies:");
  withPartyOptions(command);
  withClusterOptions(command);
  withSettingOptions(command);
  return command.action(bind(runMigrate));
}

async function runMigrate(io: Io, name: OriginName, given: Options): Promise<ExitCode> {
  const options = { ...given, env: io.env };
  checkOptions(name, options);
  const { report, files } = await migrate(name, await readAll(name, options, io), options);
  if (options.dir !== undefined) await writeNewFolder(options.dir, files);
  switch (options.output) {
    case "json":
      io.stdout.write(
        `${JSON.stringify({ ...reportJson(report), files: files.map(({ path }) => path) }, null, 2)}\n`,
      );
      break;
    case "yaml":
      io.stdout.write(grantsText(report.grants));
      for (const { code, message } of notesIn(report)) io.stderr.write(`${code}: ${plain(message)}\n`);
      break;
    case "text":
      io.stdout.write(reportText(report, widthOf(io.stdout), io.stdout.paint));
  }
  return hasTrouble(report) ? 1 : 0;
}

/** @throws CodedError `USAGE` */
function checkOptions(
  name: OriginName,
  { filename, live, namespace, podroleNamespace, associations, dir }: Options,
): void {
  if ((filename === undefined) === (live !== true)) {
    throw new CodedError("USAGE", "Give either manifests with -f or --live.");
  }
  if (associations !== undefined && name !== "irsa") {
    throw new CodedError(
      "USAGE",
      `--associations are of EKS Pod Identity: write podrole migrate irsa, and not ${name}.`,
    );
  }
  if (dir === "") throw new CodedError("USAGE", "--dir needs the name of a folder.");
  for (const one of [namespace, podroleNamespace]) {
    if (one !== undefined && !isName(one))
      throw new CodedError("USAGE", `${JSON.stringify(one.slice(0, 120))} is not a namespace name.`);
  }
}

async function readAll(name: OriginName, options: Options, { stdin }: Io): Promise<Read> {
  const { filename, namespace, roles, associations, podroleNamespace } = options;
  const texts = await Promise.all(
    [...(roles ?? []), ...(associations === undefined ? [] : [associations])].map((one) =>
      readInput(one, stdin),
    ),
  );
  const known =
    roles === undefined
      ? undefined
      : new Map(texts.slice(0, roles.length).flatMap((one) => [...parseRoles(one.text, one.name)]));
  const last = associations === undefined ? undefined : texts.at(-1);
  const beside = {
    roles: known,
    associations: last === undefined ? [] : parseAssociations(last.text, last.name),
  };
  if (filename !== undefined) {
    const objects = placedIn(objectsIn(await readManifests(filename, stdin)), namespace ?? "default");
    return { objects, ...beside };
  }
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const [{ withCluster }, { readCluster }] = await Promise.all([
    import("../live/cluster.ts"),
    import("./live.ts"),
  ]);
  return withCluster(options, async (cluster) => {
    const { objects, hidden, settings } = await readCluster(cluster, name, namespace, podroleNamespace);
    return { objects, live: { hidden, settings }, ...beside };
  });
}

import { Command } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { withAssumptions } from "../input/files.ts";
import { givenSettings } from "../input/settings.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { installationFrom } from "../live/installed.ts";
import { FILES, outputOption, withClusterOptions, withSettingOptions } from "../options.ts";
import { widthOf, wrapped } from "../print/lines.ts";
import type { Options } from "./options.ts";
import { csvText, tableText } from "./print/cell.ts";
import { jsonText } from "./print/json.ts";
import { summary } from "./print/summary.ts";
import { podTable, reachTable } from "./print/tables.ts";
import { rowsIn, type Report } from "./report.ts";

/** `podrole roles`: who has which role, and who could have it. */
export function rolesCommand(bind: Bind): Command {
  const command = new Command("roles")
    .summary("list who has which role, and who could have it")
    .description(
      "List the pods of a namespace, or of the whole cluster with -A, with the role that each has, the rule that " +
        "allowed it, whether the rules still allow it, and the session that its sidecar holds. With --reach, list " +
        "what each service account could take. With -f, manifests or recorded lists stand for the cluster.",
    )
    .option("-A, --all-namespaces", "the whole cluster")
    .option("-n, --namespace <name>", "one namespace (default: the context's)")
    .option("--role <role...>", "only these roles: ARNs or names; * stands for any characters")
    .option("--service-account <name...>", "only pods of these service accounts; * stands for any characters")
    .option("--reach", "list which roles each service account could take, and by which rules")
    .option("--no-sessions", "do not ask the sidecars for their sessions")
    .option(...FILES)
    .addOption(outputOption("table", "wide", "json", "csv"))
    .option("--html <file>", "write a page with tables and a picture instead, to be opened in a browser")
    .option("--force", "with --html: replace the file");
  withAssumptions(command);
  withClusterOptions(command);
  withSettingOptions(command);
  return command.action(bind(runRoles));
}

async function runRoles(io: Io, given: Omit<Options, "env">, command: Command): Promise<ExitCode> {
  const options = { ...given, env: io.env } as Options;
  if (options.allNamespaces === true && options.namespace !== undefined)
    throw new CodedError("USAGE", "-A is for all namespaces: take -n off.");
  if (options.html !== undefined && command.getOptionValueSource("output") === "cli")
    throw new CodedError("USAGE", "--html writes a page, so it takes no -o: leave one of them out.");
  const report = await reportFor(options, io);
  if (options.html !== undefined) {
    const { writePage } = await import("./html/write.ts");
    await writePage(options.html, report, options.force === true);
  } else if (options.output === "json") io.stdout.write(jsonText(report));
  else io.stdout.write(textOf(report, options));
  for (const line of summary(report)) io.stderr.write(`${wrapped(line, widthOf(io.stderr), 0).join("\n")}\n`);
  return rowsIn(report.rows, "gone").length > 0 ? 1 : 0;
}

async function reportFor(options: Options, { stdin }: Io): Promise<Report> {
  const settings = await givenSettings(options);
  const at = new Date().toISOString();
  if (options.filename !== undefined) {
    const { reportOfFiles } = await import("./read/from-files.ts");
    return reportOfFiles(options.filename, options, settings, stdin, at);
  }
  // Only here: the Kubernetes client takes longer to load than everything else takes to run.
  const { reportOfCluster } = await import("./read/from-cluster.ts");
  return reportOfCluster(options, installationFrom(settings), at);
}

function textOf(report: Report, { output, reach }: Options): string {
  const width = output === "table" ? "narrow" : "all";
  const table = reach === true ? reachTable(report.reach ?? [], width) : podTable(report, width);
  if (output === "csv") return csvText(table);
  return table.rows.length === 0 ? "" : tableText(table);
}

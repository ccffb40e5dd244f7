import { Command, Option } from "commander";
import { CodedError } from "../../../sidecar/kit/errors.ts";
import { withSettings } from "../../config/flags.ts";
import type { Bind, ExitCode, Io } from "../io.ts";
import { withAssumptions } from "../input/files.ts";
import { PODROLE_NAMESPACE } from "../live/installed.ts";
import { widthOf } from "../print/lines.ts";
import { DOCUMENTS, type DocumentName, type PolicyDocument } from "./document.ts";
import { documentsFor, type Need } from "./documents.ts";
import { needFrom } from "./input.ts";
import { aboutDuration, aboutHub } from "./need.ts";
import type { Options } from "./options.ts";
import { partiesFrom } from "./parties.ts";
import { commentary, policiesText } from "./text.ts";

/** `podrole trust-policy`: what IAM has to be told, so that pods get their role and nobody else does. */
export const trustPolicyCommand = (bind: Bind): Command =>
  withSettings(
    withAssumptions(
      new Command("trust-policy")
        .summary("print the IAM trust policy for a role")
        .description(
          "Print the IAM trust policy that a role needs, explained line by line on standard error. For a service " +
            "account, with --role, -n and --service-account; or for pods, of manifests with -f or of what is in a " +
            "cluster. Where a role is reached through a hub role, the hub's policies are printed as well.",
        )
        .argument("[object...]", "such as pod/NAME or deployment/NAME, in the cluster")
        .option("-f, --filename <file...>", "manifests, YAML or JSON; - for standard input")
        .option("-n, --namespace <name>", "namespace of the service account, or of objects that name none")
        .option("--service-account <name...>", "service account; * in it stands for any run of characters")
        .option("--role <role>", "the role it is for: ARN, or name with --base-role-arn")
        .option("--oidc-issuer <url>", "issuer of the cluster's tokens (default: asked of the API server)")
        .option("--oidc-provider <arn>", "the issuer as IAM's OIDC provider, in the place of --oidc-issuer")
        .option("--principal <arn>", "sources node and ambient: role or user that the sidecar starts as")
        .option("--external-id <id>", "as the pod's annotation gives it")
        .option("--tags <json>", "session tags, as the pod's annotation gives them")
        .addOption(new Option("--document <name>", "print this policy alone").choices(DOCUMENTS))
        .addOption(
          new Option("-o, --output <format>", "format of the result")
            .choices(["text", "json"])
            .default("text"),
        )
        .option("--kubeconfig <file>", "kubeconfig of the cluster")
        .option("--context <name>", "context in it")
        .option("--podrole-namespace <name>", "where the injector is installed", PODROLE_NAMESPACE),
    ),
  ).action(bind(runTrustPolicy));

async function runTrustPolicy(io: Io, references: readonly string[], given: Options): Promise<ExitCode> {
  const options = { ...given, env: io.env };
  const { need, installation } = await needFrom(references, options, io.stdin);
  const parties = await partiesFrom(options, need);
  const hub = aboutHub(need, installation.config);
  const all = documentsFor(need, parties).map((one) =>
    one.document === "trust" ? { ...one, warnings: [...one.warnings, ...hub] } : one,
  );
  const shown = chosen(all, options.document, need);
  const notes = [...installation.assumptions, ...aboutDuration(need)];
  if (options.output === "json") {
    io.stdout.write(`${JSON.stringify(shown, null, 2)}\n`);
    return 0;
  }
  const others = all.filter((one) => !shown.includes(one)).map(({ document }) => document);
  io.stdout.write(policiesText(shown));
  io.stderr.write(commentary(shown, notes, others, widthOf(io.stderr), io.stderr.paint));
  return 0;
}

/** What the calls need on the way to the role; of one call, the role's trust alone. */
function chosen(
  all: readonly PolicyDocument[],
  name: DocumentName | undefined,
  { steps }: Need,
): readonly PolicyDocument[] {
  if (name === undefined) {
    return all.filter(
      ({ document }) => document === "trust" || (steps.length > 1 && document.startsWith("hub-")),
    );
  }
  const found = all.filter(({ document }) => document === name);
  if (found.length > 0) return found;
  throw new CodedError("USAGE", `There is no ${name} for this role.`, {
    remedy: `There is ${all.map(({ document }) => document).join(", ")}.`,
  });
}

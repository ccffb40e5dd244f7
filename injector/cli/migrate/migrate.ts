import { CodedError } from "../../../sidecar/kit/errors.ts";
import { policyMode } from "../../decide/identities.ts";
import type { InjectorConfig } from "../../config/installation.ts";
import type { Fields } from "../../model/read.ts";
import { SOURCE_KINDS } from "../../sources/sources.ts";
import type { NewFile } from "../print/write-files.ts";
import { parsePrincipal } from "../trust/principal.ts";
import { leftOut, plansFor } from "./assess.ts";
import type { Association } from "./from/associations.ts";
import { originFrom } from "./from/find.ts";
import type { Origin, OriginName } from "./from/origin.ts";
import { grantsFor, type NamespaceGlobs } from "./grants.ts";
import { lastOfEach } from "./input.ts";
import type { LiveInput } from "./live.ts";
import { note, type Note } from "./note.ts";
import type { Options } from "./options.ts";
import { programsFor } from "./programs.ts";
import type { Report } from "./report.ts";
import { chartValues, requireBase, settled, type Settled } from "./settings.ts";
import { stepsFor } from "./steps.ts";
import { withIrsaAnswers } from "./trust/irsa-call.ts";
import type { KnownRole } from "./trust/roles-file.ts";
import { trustFor } from "./trust/trust.ts";
import { workloadsIn, type Workload } from "./workloads.ts";

/** What was read, of manifests or of a cluster. */
export interface Read {
  readonly objects: readonly Fields[];
  /** Of a cluster alone. */
  readonly live?: Pick<LiveInput, "hidden" | "settings">;
  readonly associations: readonly Association[];
  readonly roles: ReadonlyMap<string, KnownRole> | undefined;
}

/** The report, and the files for `--dir`. It reads the cluster's OIDC issuer, if it may, and nothing else. */
export async function migrate(
  name: OriginName,
  read: Read,
  options: Options,
): Promise<{ readonly report: Report; readonly files: readonly NewFile[] }> {
  const place = { fallback: options.namespace ?? "default", only: options.namespace };
  const { objects, differing } = lastOfEach(read.objects, place.fallback);
  const origin = originFrom(name, {
    objects: read.objects,
    args: options.toolArgs,
    associations: read.associations,
  });
  const settings = await settled(origin, options, read.live?.settings);
  const { config } = settings;
  const named = await workloadsIn(objects, origin, { ...place, base: config.baseRoleArn });
  const asked = { known: read.roles, options, config, origin, isLive: read.live !== undefined };
  const found = await withIrsaAnswers(named, asked);
  requireBase(origin, config, found.some(namesByName));
  if (found.length === 0) {
    throw new CodedError("NOTHING_TO_MIGRATE", "There is no pod and no workload in what was read.", {
      remedy: "Give the folder with the manifests by -f, or --live, or another -n.",
    });
  }
  const excluded = leftOut(options.podroleNamespace);
  const globs = options.allow === "permitted" ? permitted(found, origin, config, excluded) : NO_GLOBS;
  const movable = found.filter(({ namespace }) => !excluded.has(namespace));
  const granted = grantsFor(movable, objects, config, origin, globs.globs);
  const plans = plansFor(found, granted, origin, config, excluded);
  const trust = await trustFor(plans, granted, asked);
  const { policy } = settings.values;
  const { steps, files } = stepsFor({
    folder: options.dir ?? "",
    origin,
    programs: programsFor(options),
    caller: { ...config, principal: options.principal },
    podroleNamespace: options.podroleNamespace,
    isInstalled: read.live?.settings.object !== undefined,
    values: chartValues(withPolicy(settings, config), brokerValues(config, options)),
    policy,
    // Where the tool enforces rules, audit would allow what it refuses.
    audits: origin.intercepts && policy === "listed" && !SOURCE_KINDS[config.source].alwaysEnforces,
    grants: granted.objects,
    trust: trust.plan,
    plans,
  });
  const report: Report = {
    origin: name,
    found: origin.found,
    assumptions: settings.assumptions,
    settings: withPolicy(settings, config),
    plans,
    grants: granted.objects,
    policies: trust.plan?.policies ?? [],
    notes: [
      ...hiddenNotes(read),
      ...differing.map(definedTwice),
      ...origin.notes,
      ...globs.notes,
      ...trust.notes,
    ],
    steps: options.dir === undefined ? [] : steps,
  };
  return { report, files: options.dir === undefined ? [] : files };
}

/** A source that always enforces has no use for the setting. */
const withPolicy = ({ values }: Settled, config: InjectorConfig): Settled["values"] => {
  const { policy, ...rest } = values;
  return SOURCE_KINDS[config.source].alwaysEnforces || policy === undefined
    ? rest
    : { ...rest, policy: policyMode(config) };
};

const namesByName = ({ now }: Workload): boolean =>
  now.kind !== "none" && !now.arn.toLowerCase().startsWith("arn:");

function brokerValues(config: InjectorConfig, { principal, brokerIdentity }: Options): object | undefined {
  if (config.source !== "broker" && !config.sourceOverride.includes("broker")) return undefined;
  const caller = principal === undefined ? undefined : parsePrincipal(principal);
  const type =
    brokerIdentity ??
    (caller?.kind === "user" ? "secret" : caller === undefined ? undefined : "web-identity");
  const roleArn = type === "web-identity" && caller !== undefined ? { roleArn: caller.arn } : {};
  return { enabled: true, ...(type === undefined ? {} : { identity: { type, ...roleArn } }) };
}

/** One line for all that may not be read. */
function hiddenNotes({ live }: Read): readonly Note[] {
  const hidden = live?.hidden ?? [];
  const [first] = hidden;
  if (first === undefined) return [];
  const what = hidden.map((one) => one.what).join(", ");
  return [
    note("NOT_READ", `The API server does not let ${first.user} ${what}. What these hold is missing here.`),
  ];
}

const definedTwice = (title: string): Note =>
  note(
    "DEFINED_TWICE",
    `What was read holds ${title} several times, with different contents. The last one counts.`,
  );

const NO_GLOBS = { globs: new Map<string, readonly string[]>(), notes: [] };

/** @throws CodedError `USAGE` where the tool has no rules that could be carried over */
function permitted(
  workloads: readonly Workload[],
  { rules, name }: Origin,
  { baseRoleArn }: InjectorConfig,
  excluded: ReadonlySet<string>,
): { readonly globs: NamespaceGlobs; readonly notes: readonly Note[] } {
  if (rules === undefined) {
    throw new CodedError(
      "USAGE",
      `--allow permitted needs rules of namespaces, and ${name} decides by none here.`,
      {
        remedy:
          "Take --allow off: the roles that are used are then allowed, to the service accounts that use them.",
      },
    );
  }
  const globs = new Map<string, readonly string[]>();
  const notes: Note[] = [];
  for (const { facts } of workloads) {
    const { name: namespace, annotations } = facts.namespace;
    const text = annotations[rules.key];
    if (text === undefined || text === "" || globs.has(namespace) || excluded.has(namespace)) continue;
    const found = rules.globs(text, baseRoleArn);
    globs.set(namespace, found.globs);
    for (const pattern of found.others) {
      const message = `The pattern ${JSON.stringify(pattern.slice(0, 200))} of namespace ${namespace} is no glob. podrole reads it in the annotation ${rules.key}, and it has to match a whole role there.`;
      notes.push(note("RULE_NOT_CARRIED", message));
    }
  }
  return { globs, notes };
}

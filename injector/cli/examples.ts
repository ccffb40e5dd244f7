import type { Command } from "commander";

/** By command: command lines without `podrole`, each with what it does. */
export const EXAMPLES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  podrole: {
    "explain -f deployment.yaml -n shop": "why the pods of a manifest get their role, or do not",
    "explain deployment/web -n shop": "the same of what is in the cluster",
    "trust-policy deployment/web -n shop": "the trust policy that its role needs",
    "roles -A": "who has which role in the cluster",
    check: "whether podrole works in the cluster",
  },
  explain: {
    "explain -f deployment.yaml -f grants.yaml -n shop":
      "manifests, by the cluster's facts and RoleGrants that are not in it yet",
    "explain pod/web-0 cronjob/report -n shop": "what is in the cluster, by the cluster's own rules",
    "explain -f deployment.yaml --offline --config podrole-config.yaml -o json":
      "without a cluster, by the settings of an installation, for a program",
  },
  inject: {
    "inject -f deployment.yaml -n shop --config podrole-config.yaml":
      "print what the webhook would make of it",
    "inject -f - --base-role-arn arn:aws:iam::111122223333:role/": "of standard input, by one setting",
  },
  roles: {
    "roles -A --html roles.html": "the whole cluster, as a page with tables and a picture",
    "roles -A --role 'billing-*' -o csv": "which pods have one of these roles, for a spreadsheet",
    "roles -n shop --reach": "what each service account of a namespace could take",
    "roles -f deployment.yaml --base-role-arn arn:aws:iam::111122223333:role/":
      "what the pods of manifests would get, without a cluster",
  },
  "trust-policy": {
    "trust-policy deployment/web -n shop": "for a workload of the cluster",
    "trust-policy --role arn:aws:iam::111122223333:role/billing -n shop --service-account billing":
      "for a service account that does not exist yet",
  },
  check: {
    "check --wait --timeout 5m": "wait until an installation is ready",
    "check --probe": "also try on the nodes whether they keep the metadata service from pods",
    "check -o json": "for a program",
  },
  migrate: {
    "migrate kube2iam --live": "what would become of each pod's role",
    "migrate kiam --live --roles roles.json --dir migration": "and the files and commands of the migration",
    "migrate irsa -f manifests.yaml -n shop -o json": "of manifests, for a program",
  },
  demo: {
    "demo --source broker": "with the broker, which makes the sessions",
    "demo --verbose": "with every step and the whole of every patch",
  },
  version: {
    "version --client": "of this program alone",
  },
};

export function withExamples(command: Command): Command {
  const lines = Object.entries(EXAMPLES[command.name()] ?? {}).map(
    ([line, about]) => `  # ${about}\n  podrole ${line}`,
  );
  return lines.length === 0 ? command : command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

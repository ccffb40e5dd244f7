import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import {
  BASELINE_CAPABILITIES,
  EXEMPTIBLE_CAPABILITIES,
  NEVER_EXEMPT_CAPABILITIES,
} from "../../injector/decide/baseline/capabilities.ts";
import type { Control } from "../../injector/decide/baseline/control.ts";
import { CONTROL_NAMES, controlOf, type ControlName } from "../../injector/decide/baseline/controls.ts";
import { NEVER_EXEMPT_PATHS, NEVER_WRITABLE_PATHS } from "../../injector/decide/baseline/paths.ts";
import { BASELINE_SYSCTLS, EXEMPTIBLE_SYSCTLS } from "../../injector/decide/baseline/sysctls.ts";

const code = (text: string): string => `\`${text}\``;

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");

function exemptBy(name: ControlName, { exempt }: Control): string {
  switch (exempt.by) {
    case "nothing":
      return "never";
    case "name":
      return code(name);
    case "value":
      return `${code(`${name}=NAME`)} for [some](#${name})`;
    case "path":
      return `${code(`${name}=/PATH`)}, ${code(`${name}=/PATH:rw`)}`;
  }
}

const INTRODUCTION = `# Pod Security

In pods with a guard, podrole itself enforces Pod Security level \`baseline\` on every container except its own. Where the guard is in mode
\`block\`, the namespace's own level has to be \`privileged\`, because the guard needs \`NET_ADMIN\`. In mode \`verify\` it may be any; at
\`baseline\` and \`restricted\` the API server enforces it as well, and knows nothing of podrole's exemptions. In addition podrole drops
\`NET_RAW\` from every container, but for [a mesh's init container](../docs/service-meshes.md#in-init-mode) that a setting trusts.

The rules are those of Kubernetes 1.35 and later. They hold for containers, init containers and ephemeral containers, and for pods on the
node's network that the setting \`hostNetwork\` admits. The webhook and the admission policy give the same answer.

With the guard \`off\`, podrole enforces only what protects a sidecar, in pods that have one: see the column "without a guard".

This page is generated from the table that the code uses: \`npx vitest run --config test/vitest.config.ts test/contract/pod-security-page.test.ts -u\`.

## Exempting a namespace

Some programs need what \`baseline\` forbids, such as a log collector the node's \`/var/log\`. A cluster admin can exempt a namespace from
single controls, with one annotation:

\`\`\`yaml
apiVersion: v1
kind: Namespace
metadata:
  name: logging
  labels:
    podrole.dev/inject: enabled
  annotations:
    podrole.dev/exempt: hostPath=/var/log,hostPorts
\`\`\`

- Every pod that needs an exemption gets a warning (\`EXEMPTED\`), and the API server's audit log has the entries that it needed, as
  \`pods.podrole.dev/exempted\`; for a change of a running pod, as \`running.podrole.dev/exempted\`.
- An entry that podrole does not understand, or that cannot be given, exempts from nothing. Every pod of the namespace gets a warning
  then (\`EXEMPTION_INVALID\`).
- An annotation of more than 2000 characters, or with a character that is not ASCII, exempts from nothing.
- \`podrole explain\` shows which controls were checked, which were violated and which were exempted.
- Whoever may change the namespace may exempt it: see [the security model](../docs/security.md#by-mode-of-the-guard).`;

const HOST_PATH = `## hostPath

\`hostPath=/var/log\` admits volumes of \`/var/log\` and of everything in it, if **every** mount of the volume in every container is
read-only. \`hostPath=/data/search:rw\` also admits mounts that write, of that folder alone: what lies in a folder that pods write to can be
a link to anywhere, and the container runtime follows links. So exempt no prefix that holds folders which pods write to, such as those
of local volumes, in this namespace or another. Links of the node's own system are followed as well: with \`hostPath=/usr\`, a volume of
a link in \`/usr\` shows what the link leads to, perhaps in \`/etc\`. Exempt the smallest folder that does.

\`readOnly\` alone would leave a file system that is mounted below the folder writable, such as \`/var/log/pods\` on nodes of EKS with local
disks. So podrole adds \`recursiveReadOnly: IfPossible\` to these mounts, and a mount with \`Disabled\` or with \`mountPropagation\` counts as
one that writes. Kubernetes 1.31 or newer is needed for it. On nodes whose container runtime cannot do it (before containerd 2.0 or CRI-O
1.30) such a file system stays writable: exempt no path there that holds one.

Neither these paths, nor what lies in them, nor what holds them can be exempted. If the kubelet or the runtime keeps its files elsewhere
on your nodes, do not exempt that path either.`;

const page = `${[
  INTRODUCTION,
  "## The controls",
  table(
    ["control", "forbids", "fields", "code", "without a guard", "exempted by", "why"],
    CONTROL_NAMES.map((name) => {
      const control = controlOf(name);
      return [
        code(name),
        control.forbids,
        control.fields,
        code(control.code),
        control.forSidecar ? "yes" : "no",
        exemptBy(name, control),
        control.exempt.because,
      ];
    }),
  ),
  "## capabilities",
  `Allowed are ${BASELINE_CAPABILITIES.map(code).join(", ")}, written exactly so. Without a guard \`NET_ADMIN\`, \`NET_RAW\` and those that can be exempted are allowed too.`,
  "These can be exempted:",
  table(
    ["capability", "why"],
    Object.entries(EXEMPTIBLE_CAPABILITIES).map(([name, why]) => [code(name), why]),
  ),
  "No other can be. With these a container could do more than a pod may:",
  table(
    ["capability", "what it does"],
    Object.entries(NEVER_EXEMPT_CAPABILITIES).map(([name, why]) => [code(name), why]),
  ),
  HOST_PATH,
  table(
    ["path", "what it holds"],
    Object.entries(NEVER_EXEMPT_PATHS).map(([path, what]) => [code(path), what]),
  ),
  "These cannot be exempted for writing:",
  table(
    ["path", "what it holds"],
    Object.entries(NEVER_WRITABLE_PATHS).map(([path, what]) => [code(path), what]),
  ),
  "## sysctls",
  `Allowed are ${BASELINE_SYSCTLS.map(code).join(", ")}.`,
  `These can be exempted: ${EXEMPTIBLE_SYSCTLS.map(code).join(", ")}. The kubelet has to allow them as well (\`--allowed-unsafe-sysctls\`).`,
].join("\n\n")}\n`;

test("deploy/reference/pod-security.md lists every control, and what can be exempted, with the reason", async () => {
  const file = new URL("../../deploy/reference/pod-security.md", import.meta.url);
  await expect(page).toMatchFileSnapshot(fileURLToPath(file));
});

test("each control says what it forbids, and its reason is made of sentences", () => {
  for (const name of CONTROL_NAMES) {
    const { forbids, exempt } = controlOf(name);
    expect(forbids).toMatch(/^[^.]+$/);
    expect(exempt.because).toMatch(/^[A-Z].+\.$/);
  }
});

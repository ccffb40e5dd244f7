import { describe, expect, test } from "vitest";
import { complaintsIn } from "./docs/complaints.ts";
import { parsePage } from "./docs/markdown.ts";
import { commandsIn } from "./docs/shell.ts";

/** The check of the docs finds what is made up: each page here has one thing wrong with it. */

const complaints = (markdown: string, path = "deploy/docs/made-up.md"): readonly string[] =>
  complaintsIn(path, markdown);
const shell = (...lines: readonly string[]): string => ["```sh", ...lines, "```"].join("\n");

describe("a command that is made up is told, with its line", () => {
  test.for([
    ["npm run demos", "package.json has no script `demos`"],
    ["npx vitest run test/contract/nothing.test.ts", "there is no file `test/contract/nothing.test.ts`"],
    ["podctl check", "there is no program `podctl` that the docs may use"],
    ["node dist/cli.mjs chekc", "podrole has no command `chekc`"],
    ["node dist/cli.mjs check --wait-for-it", "unknown option '--wait-for-it'"],
    [
      "node dist/cli.mjs explain -f deploy/examples/none.yaml",
      "there is no file `deploy/examples/none.yaml`",
    ],
    ["node dist/cli.mjs explain -f deploy/examples/job.yaml --policy=strict", "It must be one of"],
    [
      "node dist/cli.mjs inject --region eu-west-1",
      "required option '-f, --filename <file...>' not specified",
    ],
    ["node dist/cli.mjs trust-policy --document=everything", "Allowed choices are"],
    ["node dist/injector.mjs", "`node dist/injector.mjs` is no program of podrole's"],
    ["helm install podrole deploy/charts", "there is no file `deploy/charts`"],
    ["helm install podrole deploy/chart --set options.polcy=off", "the chart has no value `options.polcy`"],
    ["helm upgrade podrole deploy/chart --set a=b,tls.mode=files", "the chart has no value `a`"],
    ["helm upgrade podrole deploy/chart --forced", "helm upgrade is not given `--forced`"],
    ["helm explode podrole", "helm has no command `explode`"],
    ["kubectl get rolegrant,rolls", "kubectl knows no kind `rolls`"],
    ["kubectl -n podrole-systems get pods", "nothing makes the namespace `podrole-systems`"],
    ["kubectl -n podrole-system delete deployment podrole", "make a Deployment `podrole`"],
    ["kubectl -n shop describe pod price-servers", "make a Pod `price-servers`"],
    [
      "kubectl delete mutatingwebhookconfiguration/podroles",
      "make a MutatingWebhookConfiguration `podroles`",
    ],
    ["kubectl apply -f deploy/injector.yaml", "there is no file `deploy/injector.yaml`"],
    ["kubectl get pods --everywhere", "kubectl get is not given `--everywhere`"],
    ["kubectl frobnicate pods", "kubectl has no command `frobnicate`"],
    ["kubectl rollout repeat deployment", "kubectl rollout has no command `repeat`"],
    [
      "kubectl label namespace shop podrole.dev/injected=enabled",
      "podrole reads no label `podrole.dev/injected`",
    ],
    ["kubectl annotate namespace shop podrole.dev/start=now", "has no effect on a Namespace"],
    ["kubectl -n shop get pod APP", "the page does not say what `APP` stands for"],
    ["aws iam improve-role", "`aws iam improve-role` is not known here"],
    ["aws iam get-role --policy-document file://none.json", "there is no file `none.json`"],
    ["for n in 1 2; do kubectl get pods; done", "`for` is not for the docs"],
    ["kubectl get pods 'unended", "a ' has no end"],
    ["kubectl get pods $(kubectl get pod none)", "make a Pod `none`"],
    ["kubectl get pods | kubectl get rolls", "kubectl knows no kind `rolls`"],
  ])("%s", ([command = "", complaint = ""]) => {
    const found = complaints(`One line.\n\n${shell("# first", command)}`);
    expect(found.join("\n")).toContain(complaint);
    expect(found.join("\n")).toMatch(/^deploy\/docs\/made-up\.md:[45]: /m);
  });
});

describe("what is named in a sentence and is not there is told", () => {
  test.for([
    ["`--polcy`", "has an option `--polcy`"],
    ["`--policy=strict`", "It must be one of"],
    ["`--namespace-restrictions`", "has an option `--namespace-restrictions`"],
    ["`podrole chekc`", "podrole has no command `chekc`"],
    ["`podrole explain --polite`", "explain has no option `--polite`"],
    ["`npm run gold`", "package.json has no script `gold`"],
    ["`kubectl get rolls`", "kubectl knows no kind `rolls`"],
    ['`podrole.dev/injects: "false"`', "`podrole.dev/injects`"],
    ["the annotation iam.amazonaws.com/roles", "`iam.amazonaws.com/roles`"],
    ["`eks.amazonaws.com/audience`", "`eks.amazonaws.com/audience`"],
    ["`ROLE_NOT_ALOWED`", "is called `ROLE_NOT_ALOWED`"],
    ["`PODROLE_IMDS_V2`", "is called `PODROLE_IMDS_V2`"],
    ["`podrole_stss_total`", "there is no metric `podrole_stss_total`"],
    ["`options.polcy`", "the chart has no value `options.polcy`"],
    ["`--set tls.modes=files`", "the chart has no value `tls.modes`"],
    ["`test/nothing/at.all.ts`", "there is no file `test/nothing/at.all.ts`"],
    ["[a](nowhere.md)", "the link leads to `deploy/docs/nowhere.md`"],
    ["[a](guard-matrix.md#none)", "`deploy/docs/guard-matrix.md` has no heading `#none`"],
    ["[a](#none)", "has no heading `#none`"],
    ["a `backtick", "a backtick has no partner"],
  ])("%s", ([sentence = "", complaint = ""]) => {
    expect(complaints(`# A\n\nSee ${sentence}.`).join("\n")).toContain(complaint);
  });
});

describe("a block of YAML that podrole would not read as it is meant is told", () => {
  test.for([
    ["# values.yaml\noptions:\n  polcy: off", "the chart has no value `options.polcy`"],
    [
      "kind: RoleGrant\nmetadata:\n  name: a\nspec:\n  role: [x]\n  namespaces: [shop]",
      "unknown field spec.role",
    ],
    [
      "kind: Namespace\nmetadata:\n  annotations:\n    podrole.dev/start: now",
      "has no effect on a Namespace",
    ],
    [
      "apiVersion: v1\nkind: Pod\nmetadata:\n  annotations:\n    podrole.dev/strt: now\nspec: {}",
      "Did you mean podrole.dev/start?",
    ],
    ["a: [", "bad YAML"],
  ])("%s", ([yaml = "", complaint = ""]) => {
    expect(complaints(`\`\`\`yaml\n${yaml}\n\`\`\``).join("\n")).toContain(complaint);
  });

  test("and so is a block in a language that is not looked into", () => {
    expect(complaints("```bash\nkubectl get rolls\n```").join("\n")).toContain(
      "a block of `bash` is not looked into",
    );
  });
});

test("what is there passes", () => {
  const page = [
    "`APP` is a pod. `--policy=audit` warns, `ROLE_NOT_ALLOWED` denies; `podrole explain` says why, of",
    "`iam.amazonaws.com/role` too. `options.policy` is the chart's, [guard](guard-matrix.md) is [here](#here).",
    "",
    "## Here",
    "",
    shell(
      "VERSION=1 helm upgrade podrole deploy/chart -f VALUES.yaml --set options.block={169.254.169.254,10.0.0.1},replicas=3",
      "kubectl -n shop get pod APP -o yaml > app.yaml # and then",
      "node dist/cli.mjs explain -f app.yaml \\",
      '  --policy=audit && kubectl delete "mutatingwebhookconfiguration/podrole"',
    ),
  ].join("\n");
  expect(complaints(`${page}\n\nVALUES.yaml is yours.`.replace("VALUES.yaml is", "`VALUES` is"))).toEqual([]);
});

test("a page about a peer may name the peer's flags and annotations, and no other page may", () => {
  const page = "`--namespace-restrictions`";
  expect(complaints(page, "deploy/docs/migrate-from-kube2iam.md")).toEqual([]);
  expect(complaints(page, "deploy/docs/security.md")).not.toEqual([]);
});

test("headings have the anchors that GitHub gives them", () => {
  const { headings } = parsePage(
    "a.md",
    "# A `code` & more\n\n## It's here: (now)\n\n## Twice\n\n## Twice\n",
  );
  expect(headings.map(({ anchor }) => anchor)).toEqual(["a-code--more", "its-here-now", "twice", "twice-1"]);
});

test("a shell's words are told apart as a shell does it", () => {
  const block = `A=1 one "two three" fo\\ur 'fi"ve' > six # seven\n\neight $(nine ten) 2>&1 | eleven\\\n twelve`;
  expect(commandsIn(block)).toEqual([
    { words: ["A=1", "one", "two three", "four", 'fi"ve'], writes: ["six"], line: 0 },
    { words: ["nine", "ten"], writes: [], line: 2 },
    { words: ["eight", "$(...)"], writes: [], line: 2 },
    { words: ["eleven", "twelve"], writes: [], line: 2 },
  ]);
});

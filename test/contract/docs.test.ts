import { dirname, join } from "node:path/posix";
import { describe, expect, test } from "vitest";
import { complaintsAbout } from "./docs/commands.ts";
import { parsePage, type Fence, type Located, type Page } from "./docs/markdown.ts";
import { commandsIn } from "./docs/shell.ts";
import { isThere, PAGES, textOf, wordsIn } from "./docs/tree.ts";

/** Links, anchors, commands and files of a page that do not exist, as `page:line: sentence`. */
function complaintsIn(path: string, markdown: string): readonly string[] {
  const page = parsePage(path, markdown);
  const made = new Set<string>();
  const located = ({ line }: Located, complaints: readonly string[]): readonly string[] =>
    complaints.map((complaint) => `${path}:${line}: ${complaint}.`);
  return [
    ...page.fences.flatMap((fence) => located(fence, complaintsAboutBlock(fence, made))),
    ...page.spans.flatMap((span) => located(span, complaintsAboutSpan(span, made))),
    ...page.links.flatMap((link) => located(link, complaintsAboutLink(page, link))),
  ];
}

function complaintsAboutBlock({ language, text }: Fence, made: Set<string>): readonly string[] {
  if (["yaml", "json", "text", "mermaid", ""].includes(language)) return [];
  if (language !== "sh") return [`a block of \`${language}\` is not looked into: write sh`];
  return commandsIn(text).flatMap((command) => {
    const complaints = complaintsAbout(command, { made, inPassing: false });
    for (const file of command.writes) made.add(file);
    const dir = command.words.indexOf("--dir");
    if (dir > 0) made.add(`${command.words[dir + 1] ?? ""}/`);
    return complaints;
  });
}

function complaintsAboutSpan({ text }: Located, made: ReadonlySet<string>): readonly string[] {
  if (/^(?:deploy|injector|sidecar|test|\.ci)\/[\w./*-]*$/.test(text)) {
    return isThere(text.replace(/\/?\*.*$/, "")) ? [] : [`there is no file \`${text}\``];
  }
  if (CODE.test(text) && !known.has(text)) return [`nothing in this tree is called \`${text}\``];
  // The beginning of the guard's messages is no command.
  if (!/^(?:npm|npx|node|podrole|kubectl|helm) \S/.test(text) || text === "podrole guard") return [];
  return commandsIn(text).flatMap((command) => complaintsAbout(command, { made, inPassing: true }));
}

/** Codes of findings and errors, variables, reasons. */
const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$/;
const known = wordsIn(
  ["injector", "sidecar", "deploy/chart", "test", ".ci", ".github/workflows"],
  /\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b/g,
);
/** Of Node, of libuv and of network plugins. */
for (const name of [
  "NODE_EXTRA_CA_CERTS",
  "UV_THREADPOOL_SIZE",
  "NETWORK_POLICY_ENFORCING_MODE",
  "ENABLE_V4_EGRESS",
])
  known.add(name);

function complaintsAboutLink({ path, headings }: Page, { text: target }: Located): readonly string[] {
  if (/^[a-z]+:/.test(target)) return [];
  const [file = "", anchor] = target.split("#");
  const there = file === "" ? path : join(dirname(path), file).replace(/\/$/, "");
  if (there !== path && !isThere(there)) return [`the link leads to \`${there}\`, which is not there`];
  if (anchor === undefined) return [];
  const anchors = there === path ? headings : parsePage(there, textOf(there)).headings;
  return anchors.includes(anchor) ? [] : [`\`${there}\` has no heading \`#${anchor}\``];
}

describe("every link, command and file exists in", () => {
  test.for(PAGES)("%s", (page) => {
    expect(complaintsIn(page, textOf(page))).toEqual([]);
  });
});

describe("the docs check finds what does not exist, with its line:", () => {
  const shell = (command: string): string => `\`\`\`sh\n# first\n${command}\n\`\`\``;
  // In pieces: this file is looked into as well.
  const nowhere = ["NO", "SUCH", "CODE"].join("_");
  test.for([
    [shell("npm run demos"), "package.json has no script `demos`"],
    [
      shell("npx vitest run test/contract/nothing.test.ts"),
      "there is no file `test/contract/nothing.test.ts`",
    ],
    [shell("npx vittest run"), "npx finds no program `vittest`"],
    [shell("podctl check"), "there is no program `podctl` that the docs may use"],
    [shell("node dist/cli.mjs chekc"), "podrole has no command `chekc`"],
    [shell("node dist/cli.mjs check --wait-for-it"), "unknown option '--wait-for-it'"],
    [shell("node dist/cli.mjs explain -f deploy/none.yaml"), "there is no file `deploy/none.yaml`"],
    [shell("node dist/cli.mjs trust-policy --document=everything"), "Allowed choices are"],
    [shell("node dist/injector.mjs"), "`node dist/injector.mjs` is no program of podrole's"],
    [shell("helm install podrole deploy/charts/"), "there is no file `deploy/charts/`"],
    [shell("helm explode podrole"), "helm has no command `explode`"],
    [shell("helm install podrole deploy/chart --set image.repository=podrole/injector"), "from Docker Hub"],
    [shell("helm upgrade podrole deploy/chart --set options.image=docker.io/a/b:1"), "from Docker Hub"],
    [shell("kubectl get pods --everywhere"), "kubectl is not given `--everywhere`"],
    [shell("kubectl -n shop frobnicate pods"), "kubectl has no command `frobnicate`"],
    [shell("kubectl get pods | kubectl -n shop frobnicate"), "kubectl has no command `frobnicate`"],
    [shell("kubectl get pods $(kubectl frobnicate)"), "kubectl has no command `frobnicate`"],
    [shell("aws iam improve-role"), "`aws iam improve-role` is not known here"],
    [shell("sh migration/move.sh"), "there is no file `migration/move.sh`"],
    [shell("xargs -n 1 aws iam improve-role"), "`aws iam improve-role` is not known here"],
    [shell("for n in 1 2; do kubectl get pods; done"), "there is no program `for`"],
    ["```bash\nkubectl get pods\n```", "a block of `bash` is not looked into"],
    [`\`${nowhere}\``, `nothing in this tree is called \`${nowhere}\``],
    ["`podrole chekc`", "podrole has no command `chekc`"],
    ["`podrole explain --polite`", "podrole explain has no option `--polite`"],
    ["`test/nothing/at.all.ts`", "there is no file `test/nothing/at.all.ts`"],
    ["[a](nowhere.md)", "the link leads to `deploy/docs/nowhere.md`"],
    ["[a](guard-matrix.md#none)", "`deploy/docs/guard-matrix.md` has no heading `#none`"],
    ["[a](#none)", "has no heading `#none`"],
  ])("%s", ([markdown = "", complaint = ""]) => {
    const found = complaintsIn("deploy/docs/made-up.md", `A line.\n\n${markdown}`).join("\n");
    expect(found).toContain(complaint);
    expect(found).toMatch(/^deploy\/docs\/made-up\.md:[34]: /);
  });

  test("the docs check accepts what exists", () => {
    const page = [
      "`podrole explain` says why, [guard](guard-matrix.md) is [here](#its-here-now).",
      "## It's here: (now)",
      "```sh",
      "VERSION=1 helm upgrade podrole deploy/chart -f VALUES.yaml --set options.block={169.254.169.254,10.0.0.1}",
      "kubectl -n shop get pod APP -o yaml > app.yaml # and then",
      'node dist/cli.mjs explain -f app.yaml \\\n  && kubectl delete "mutatingwebhookconfiguration/podrole"',
      "```",
    ];
    expect(complaintsIn("deploy/docs/made-up.md", page.join("\n"))).toEqual([]);
  });
});

test("words of a command are split as a shell splits them", () => {
  const block = `A=1 one "two three" fo\\ur 'fi"ve' > six # seven\n\neight $(nine ten) 2>&1 | eleven\\\n twelve`;
  expect(commandsIn(block)).toEqual([
    { words: ["A=1", "one", "two three", "four", 'fi"ve'], writes: ["six"] },
    { words: ["nine", "ten"], writes: [] },
    { words: ["eight", "$(...)"], writes: [] },
    { words: ["eleven", "twelve"], writes: [] },
  ]);
  expect(() => commandsIn("one 'two")).toThrow("a quote has no end");
});

import type { Option } from "commander";
import { describe, expect, test } from "vitest";
import { brokerCommand } from "../../injector/broker/command.ts";
import { injectorCommand } from "../../injector/serve/command.ts";
import { flagOf } from "../../injector/config/flags.ts";
import { SETTING_NAMES, SETTINGS, type SettingName } from "../../injector/config/settings.ts";
import type { Setting } from "../../injector/config/setting.ts";
import { BROKER_VALUES, CHART_OPTIONS } from "../support/chart-options.ts";
import { chartDefault } from "../support/setting-samples.ts";
import { textOf } from "./docs/tree.ts";

/**
 * The files that are generated from the table of settings. `-u` writes them again:
 * npx vitest run --config test/vitest.config.ts test/contract/settings.test.ts -u
 */

const WIDTH = 120;
const all = SETTING_NAMES.map((name): Setting & { readonly name: SettingName } => ({
  name,
  ...SETTINGS[name],
}));

/** `a, b or c`. */
const words = (list: readonly string[]): string =>
  `${list.slice(0, -1).join(", ")}${list.length > 1 ? " or " : ""}${list.at(-1) ?? ""}`;

const sentences = ({ about, kind, ofVersion }: Setting): string =>
  [
    about,
    ...(kind.choices === undefined ? [] : [`One of ${words(kind.choices)}.`]),
    ...(ofVersion === true ? ["null: the one of the chart's version."] : []),
  ].join(" ");

function comment(text: string): readonly string[] {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1) ?? ""} ${word}`;
    if (line.length + "  #".length > WIDTH) lines.push(` ${word}`);
    else lines[lines.length - 1] = line;
  }
  return lines.map((line) => `  #${line}`);
}

/** The shortest YAML of a value, in flow style. */
const yaml = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(yaml).join(", ")}]`;
  return typeof value === "string" && /[:{}[\],&*#?|<>=!%@`"'-]/.test(value.replaceAll(/\b-\b/g, ""))
    ? JSON.stringify(value)
    : String(value);
};

const valuesBlock = [
  "options:",
  ...all.flatMap((one) => [...comment(sentences(one)), `  ${one.name}: ${yaml(chartDefault(one.name))}`]),
  "",
].join("\n");

/** A setting may be null when its default is the injector's. */
function schemaOf(one: Setting & { readonly name: SettingName }): object {
  const { schema } = one.kind;
  if (chartDefault(one.name) !== null) return schema;
  const choices = schema["enum"];
  return {
    ...schema,
    type: [schema.type, "null"].flat(),
    ...(Array.isArray(choices) ? { enum: [...(choices as readonly unknown[]), null] } : {}),
  };
}

/** JSON as oxfmt formats it: arrays of words on one line. */
const json = (value: unknown, indent: string): string =>
  JSON.stringify(value, null, 2)
    .replaceAll(/\[\s+((?:"[^"]*"|null)(?:,\s+(?:"[^"]*"|null))*)\s+\]/g, (_, items: string) => {
      return `[${items.replaceAll(/,\s+/g, ", ")}]`;
    })
    .replaceAll("\n", `\n${indent}`);

const schemaBlock = `"options": ${json(
  {
    type: "object",
    additionalProperties: false,
    properties: Object.fromEntries(all.map((one) => [one.name, schemaOf(one)])),
  },
  "    ",
)},\n    "image": {`;

/** Replaces the match of `found` in a text. Fails when there is none. */
function withBlock(text: string, found: RegExp, block: string): string {
  expect(text).toMatch(found);
  return text.replace(found, () => block);
}

const cell = (text: string): string => text.replaceAll("|", "\\|");
const code = (text: string): string => `\`${text}\``;

const choosers = ({ pod, namespace }: Setting): string =>
  [pod && `pod: ${code(pod)}`, namespace && `namespace: ${code(namespace)}`].filter(Boolean).join(", ");

/** Flags of a program. @param valueOf the chart's value for a flag */
const flagsTable = (options: readonly Option[], valueOf: (flag: string) => string | undefined): string =>
  [
    "| flag | chart | default | what it is |",
    "| --- | --- | --- | --- |",
    ...options
      .filter(({ long }) => long !== "--version")
      .map((option) => {
        const { defaultValue, defaultValueDescription, argChoices = [] } = option;
        const written =
          defaultValue === undefined ? "" : code(defaultValueDescription ?? String(defaultValue));
        const value = valueOf(option.long ?? "");
        const about = [option.description, ...(argChoices.length > 0 ? [words(argChoices)] : [])].join("; ");
        return `| ${[code(option.flags), value === undefined ? "" : code(value), written, about].map(cell).join(" | ")} |`;
      }),
  ].join("\n");

const OF_INJECTOR = injectorCommand().options.filter(
  (option) => !Object.hasOwn(SETTINGS, option.attributeName()),
);

const page = `# Settings

The settings of an installation. A setting's name is the chart's value below \`options\` and the key in the ConfigMap \`podrole-config\`. The commands \`podrole inject\`, \`explain\` and \`trust-policy\` take it as a flag. Write values in the ConfigMap as on the command line: lists with commas and no blanks, booleans as \`true\` and \`false\`. Settings whose names end in \`Key\` are for clusters that come from kube2iam or kiam.

This page is generated from the table that the code uses: \`npx vitest run --config test/vitest.config.ts test/contract/settings.test.ts -u\`.

| setting | flag | default | what it is | annotation that overrides it |
| --- | --- | --- | --- | --- |
${all
  .map((one) => {
    const written = one.default === undefined || one.default === "" ? "" : code(one.default);
    const cells = [code(one.name), code(flagOf(one.name)), written, sentences(one), choosers(one)];
    return `| ${cells.map(cell).join(" | ")} |`;
  })
  .join("\n")}

## Flags of the injector itself

They configure the process \`podrole-injector\`. They are not settings: the ConfigMap and the commands of \`podrole\` do not take them.

${flagsTable(OF_INJECTOR, (flag) => CHART_OPTIONS[flag]?.at)}

## Flags of the broker itself

They configure the process \`podrole-broker\`. Who it is to AWS, it also reads from \`AWS_ROLE_ARN\`, \`AWS_WEB_IDENTITY_TOKEN_FILE\` and
\`AWS_ACCESS_KEY_ID\`, \`AWS_SECRET_ACCESS_KEY\`, \`AWS_SESSION_TOKEN\`, which the chart sets by \`broker.identity\`.

${flagsTable(brokerCommand().options, (flag) => BROKER_VALUES[flag])}
`;

describe("generated from the table of settings", () => {
  test("is the block `options` of values.yaml, with a sentence above each setting", async () => {
    const text = withBlock(textOf("deploy/chart/values.yaml"), /^options:\n(?: .*\n)+/m, valuesBlock);
    await expect(text).toMatchFileSnapshot("../../deploy/chart/values.yaml");
  });

  test("is the block `options` of values.schema.json", async () => {
    const text = withBlock(
      textOf("deploy/chart/values.schema.json"),
      /"options": \{[^]*?\n {4}\},\n {4}"image": \{/,
      schemaBlock,
    );
    await expect(text).toMatchFileSnapshot("../../deploy/chart/values.schema.json");
  });

  test("is the page deploy/reference/options.md", async () => {
    await expect(page).toMatchFileSnapshot("../../deploy/reference/options.md");
  });
});

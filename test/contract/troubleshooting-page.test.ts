import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { FINDINGS } from "../../injector/model/findings.ts";
import { TLS_TROUBLES } from "../../injector/tls/trouble.ts";
import { EXITS } from "../../sidecar/guard/exits.ts";
import { API_SERVER_WORDS, CALLING } from "../cluster/api-server-words.ts";
import { brokerCallRows } from "./troubleshooting/broker-call.ts";
import { brokerRows } from "./troubleshooting/broker.ts";
import { clientRows } from "./troubleshooting/clients.ts";
import { findingRows, POLICY_ALONE, policyRows } from "./troubleshooting/denials.ts";
import {
  brokerCertificateRows,
  metadataPolicyRows,
  optionRows,
  tlsRows,
} from "./troubleshooting/injector.ts";
import { settingsRows } from "./troubleshooting/settings.ts";
import { codesMadeIn, sourceOf, tableOf, type Row } from "./troubleshooting/row.ts";
import { answerRows, sidecarRows } from "./troubleshooting/sidecar.ts";
import { stsRows } from "./troubleshooting/sts.ts";

/** The page is filled with messages that the programs produce here, so it changes with every message. */

const FILE = new URL("../../deploy/docs/troubleshooting.md", import.meta.url);
const page = readFileSync(FILE, "utf8");

const guardRows: readonly Row[] = EXITS.filter(({ exit }) => exit !== 0).map(
  ({ exit, codes, means, remedy }) => ({
    says: `exit ${exit}, ${codes.map((code) => `${code}: …`).join(" or ")}`,
    todo: `${means} ${remedy}`,
  }),
);

const TABLES: Readonly<Record<string, () => Promise<readonly Row[]> | readonly Row[]>> = {
  denials: () => findingRows("deny"),
  warnings: () => findingRows("warn"),
  information: () => findingRows("info"),
  policy: policyRows,
  "api server": () => API_SERVER_WORDS,
  guard: () => guardRows,
  sts: stsRows,
  "broker call": brokerCallRows,
  broker: brokerRows,
  sidecar: sidecarRows,
  answers: answerRows,
  clients: clientRows,
  certificates: tlsRows,
  settings: settingsRows,
  "metadata policies": metadataPolicyRows,
  "broker certificates": brokerCertificateRows,
  options: optionRows,
};

test("deploy/docs/troubleshooting.md quotes every message as the programs print it", async () => {
  const marks = [...page.matchAll(/<!-- said: ([a-z ]+) -->/g)].map(([, name]) => name ?? "");
  expect(marks.toSorted()).toEqual(Object.keys(TABLES).toSorted());
  let filled = page;
  expect(page).toContain(CALLING.trim());
  for (const [name, rows] of Object.entries(TABLES)) {
    const table = tableOf(["says", "what to do"], await rows());
    filled = filled.replace(
      new RegExp(`<!-- said: ${name} -->[^]*?<!-- /said -->`),
      () => `<!-- said: ${name} -->\n\n${table}\n\n<!-- /said -->`,
    );
  }
  await expect(filled).toMatchFileSnapshot(fileURLToPath(FILE));
});

const saidIn = async (...names: readonly string[]): Promise<string> =>
  (await Promise.all(names.map(async (name) => TABLES[name]?.() ?? [])))
    .flat()
    .map(({ says }) => says)
    .join("\n");

test("every row has advice", async () => {
  for (const rows of Object.values(TABLES)) {
    expect((await rows()).filter(({ todo }) => !/^\S.*[.?]$/s.test(todo))).toEqual([]);
  }
});

test("every finding is quoted in the words of the webhook or the policy", async () => {
  const said = await saidIn("denials", "warnings", "information", "policy");
  expect(Object.keys(FINDINGS).filter((code) => !said.includes(`[${code}] `))).toEqual([]);
  const byWebhook = await saidIn("denials", "warnings", "information");
  expect(Object.keys(FINDINGS).filter((code) => !byWebhook.includes(`[${code}] `))).toEqual([
    ...POLICY_ALONE,
  ]);
});

test("every code of the sidecar is quoted, and every STS refusal that has a remedy", async () => {
  const said = await saidIn("sts", "broker call", "sidecar", "answers");
  const ofBroker = sourceOf("sidecar/sources/broker").match(/(?<=")BROKER_\w+(?=")/g) ?? [];
  expect(ofBroker.length).toBeGreaterThan(4);
  const made = new Set([...codesMadeIn(sourceOf("sidecar")), ...ofBroker]);
  expect(made.size).toBeGreaterThan(20);
  const ofTheGuard = new Set(EXITS.flatMap(({ codes }) => codes));
  const quoted = [...made].filter((code) => !ofTheGuard.has(code) && !ELSEWHERE.has(code));
  expect(quoted.filter((code) => !said.includes(`${code}: `))).toEqual([]);
  const remedies = readFileSync(new URL("../../sidecar/sts/remedies.ts", import.meta.url), "utf8");
  const refusals = [...remedies.matchAll(/case "(\w+)":/g)].map(([, code]) => code ?? "");
  expect(refusals.length).toBeGreaterThan(10);
  expect(refusals.filter((code) => code !== "AccessDeniedException" && !said.includes(`${code}: `))).toEqual(
    [],
  );
});

/** Codes of the metadata endpoint, which its own page explains. */
const ELSEWHERE = new Set(["NODE_METADATA_UNAVAILABLE"]);

test("every refusal of the broker is quoted", async () => {
  const said = await saidIn("broker");
  const made = codesMadeIn(sourceOf("injector/broker"));
  expect(made.size).toBeGreaterThan(6);
  const ofPods = ["POD_NOT_INJECTED", "ROLE_NOT_OF_POD", "NAMESPACE_NOT_LABELLED", "BROKER_BUSY"];
  const told = [...made].filter((code) => !NOT_TOLD.has(code));
  expect([...told, ...ofPods].filter((code) => !said.includes(`${code}: `))).toEqual([]);
});

/** A mistake of ours has no cause that the page could name, and no sidecar hears of the broker's variables. */
const NOT_TOLD = new Set(["INTERNAL", "CONFIG_INVALID"]);

test("every certificate error is quoted", async () => {
  const said = await saidIn("certificates");
  expect(TLS_TROUBLES.filter((code) => !said.includes(`${code}: `))).toEqual([]);
});

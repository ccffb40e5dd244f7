import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { executableOnPath } from "../../support/executable.ts";
import { buildGo } from "../../support/go-program.ts";
import { tempFolder } from "../../support/temp-files.ts";
import { until } from "../../support/until.ts";
import { installation } from "./installation.ts";
import { prometheusOf, type Query } from "./prometheus.ts";

interface Panel {
  readonly title: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly options?: { readonly colorMode?: string };
  readonly fieldConfig?: {
    readonly defaults: {
      readonly thresholds?: {
        readonly steps: readonly { readonly color: string; readonly value: number | null }[];
      };
    };
  };
  /** Of a row that is collapsed. */
  readonly panels?: readonly Panel[];
}

const TEXT = readFileSync(new URL("../../../deploy/chart/files/dashboard.json", import.meta.url), "utf8");
const rows = (JSON.parse(TEXT) as { readonly panels: readonly Panel[] }).panels;
const panels = rows.flatMap((one) => [one, ...(one.panels ?? [])]);
const PROMETHEUS = executableOnPath("prometheus");

test("the dashboard is one by Grafana's own schema", async ({ skip }) => {
  const judge = await buildGo(new URL("schema", import.meta.url), tempFolder());
  if (typeof judge === "string") return skip(`Grafana's schema cannot be built: ${judge}`);
  expect(await judge(TEXT)).toBe("");
  // It finds what is wrong in a panel's own options, too.
  expect(await judge(TEXT.replace('"colorMode"', '"colourMode"'))).toContain("colourMode");
  return undefined;
}, 600_000);

/** What Grafana puts in the place of variables; the interval fits a scrape every second. */
const VALUES = { $__rate_interval: "4s", $namespace: ".*" };
const queryOf = (expr: string): string =>
  Object.entries(VALUES).reduce((text, [name, value]) => text.replaceAll(name, value), expr);

/** Every query with the values of its series. */
const answers = async (query: Query) =>
  Promise.all(
    panels.flatMap((panel) =>
      (panel.targets ?? []).map(async ({ expr }) => ({ panel, expr, values: await query(queryOf(expr)) })),
    ),
  );

type Answers = Awaited<ReturnType<typeof answers>>;

/** What is answered once it is as it should be, or after ten seconds: a rate takes a few scrapes. */
async function settled(query: Query, isAsItShouldBe: (answered: Answers) => boolean): Promise<Answers> {
  const ask = async () => {
    const answered = await answers(query);
    return isAsItShouldBe(answered) ? answered : undefined;
  };
  return until("answers", ask, 10_000).catch(() => answers(query));
}

function colourOf({ fieldConfig }: Panel, value: number): string | undefined {
  const steps = fieldConfig?.defaults.thresholds?.steps ?? [];
  return steps.findLast((step) => step.value === null || value >= step.value)?.color;
}

/** The panels whose colour says whether all is well. */
const coloured = (answered: Answers) =>
  answered
    .filter(({ panel }) => panel.type === "stat" && panel.options?.colorMode === "background")
    .map(({ panel, values }) => ({ title: panel.title, colours: values.map((one) => colourOf(panel, one)) }));

describe.skipIf(PROMETHEUS === undefined)(
  `at a real Prometheus${PROMETHEUS === undefined ? " (skipped: no prometheus)" : ""}, the dashboard`,
  () => {
    test("has an answer to every query in a healthy installation, and shows green", async () => {
      const query = await prometheusOf(PROMETHEUS ?? "", installation(true));
      const answered = await settled(query, (all) => all.every(({ values }) => values.length > 0));
      expect(answered.length).toBeGreaterThan(30);
      // Grafana shows no number for NaN.
      const empty = answered.filter(({ values }) => values.length === 0 || values.some(Number.isNaN));
      expect(empty.map(({ panel, expr }) => `${panel.title}: ${expr}`)).toEqual([]);
      const stats = coloured(answered);
      expect(stats.length).toBeGreaterThan(6);
      expect(stats.filter(({ colours }) => colours.join() !== "green")).toEqual([]);
    });

    test("shows no green where nothing is well", async () => {
      const query = await prometheusOf(PROMETHEUS ?? "", installation(false));
      const green = (answered: Answers) =>
        coloured(answered).filter(({ colours }) => colours.length === 0 || colours.includes("green"));
      expect(green(await settled(query, (all) => green(all).length === 0))).toEqual([]);
    });

    test("shows no number of what is not scraped", async () => {
      const query = await prometheusOf(PROMETHEUS ?? "", []);
      expect((await answers(query)).filter(({ values }) => values.length > 0)).toEqual([]);
    });
  },
);

import { createHash } from "node:crypto";
import { choiceText, countPods, type Report } from "../report.ts";
import { hasOneAccount } from "../print/tables.ts";
import type { Assets } from "./assets.ts";
import { markup, type Markup } from "./markup.ts";
import { roleUses, standouts, type Standout } from "./standouts.ts";
import { pageTables, type PageTable } from "./tables.ts";

/**
 * The report as one file that needs no network. Its policy lets nothing run but its own script, and nothing be loaded: all that is from the
 * cluster is text. Without scripts it is a page of tables. Pure.
 */
export function pageHtml(report: Report, { script, style }: Assets): string {
  const uses = roleUses(report);
  const tables = pageTables(report, uses);
  const isOneAccount = hasOneAccount(uses.map(({ role }) => role));
  const body = markup`
${heading(report)}
<main>
${standoutList(standouts(report, uses))}
${notes(report)}
${FILTER}
${PICTURE}
<nav id="tabs" class="tabs" aria-label="Tables" hidden></nav>
${tables.map(section)}
</main>
<footer>
<p>Made by <code>podrole roles --html</code>. Whoever reads this page learns which workload has which role: keep it as you keep the
cluster's audit log.</p>
</footer>
`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policyFor(script, style)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>Who has which role</title>
<style>${style}</style>
</head>
<body class="${isOneAccount ? "one-account" : ""}">${body.text}<script>${script}</script></body>
</html>
`;
}

/** By hash: what a name of the cluster could smuggle in has another. */
const policyFor = (script: string, style: string): string =>
  [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types 'none'",
  ].join("; ");

const hashOf = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

const grouped = (count: number): string => count.toLocaleString("en");

/** Without scripts nothing can be filtered, so the script shows this and the next. */
const FILTER = markup`<section id="filter" class="filter" aria-label="Filter" hidden>
<label>Filter <input type="search" id="words" autocomplete="off" spellcheck="false" placeholder="namespace, role, code"></label>
<label>State <select id="state">
<option value="">all</option>
<option value="gone">rule gone</option>
<option value="refused">session refused</option>
<option value="changed">new pods differ</option>
<option value="unknown">not known</option>
<option value="fine">allowed</option>
</select></label>
<div id="chips" class="chips"></div>
</section>`;

const PICTURE = markup`<section id="picture" hidden>
<h2>Namespace, service account, role</h2>
<p class="about" id="picture-about"></p>
<div id="drawing" class="drawing"></div>
<p class="legend" aria-hidden="true">
<span class="key fine">allowed</span>
<span class="key changed">new pods differ</span>
<span class="key refused">session refused, or not known</span>
<span class="key gone">rule gone</span>
<span class="key-shared">role of three namespaces or more</span>
</p>
</section>`;

const heading = ({ namespace, from, at, chosen, rows, plain, notHandled }: Report): Markup => markup`<header>
<h1>Who has which role</h1>
<p class="where">${namespace === undefined ? "All namespaces" : `Namespace ${namespace}`} of <code>${from}</code>,
<time datetime="${at}">${at.replace("T", " ").replace(/:\d\d\.\d+Z$/, " UTC")}</time>${
  chosen === undefined ? markup`` : markup`. Only ${choiceText(chosen)}`
}</p>
<p class="counts">Pods: <span><b>${grouped(countPods(rows))}</b> with a role</span>${
  chosen?.role === undefined
    ? markup` <span><b>${grouped(plain.length)}</b> without</span>
<span><b>${grouped(notHandled)}</b> in namespaces that podrole does not handle</span>`
    : markup``
}</p>
</header>`;

function standoutList(all: readonly Standout[]): Markup {
  if (all.length === 0) return markup`<p class="calm">Nothing stands out.</p>`;
  const cards = all.map(
    ({ id, count, what, why, tone, table, state, word }) => markup`<li class="${tone}">
<a href="#${table}" id="standout-${id}" data-state="${state}" data-word="${word}"><b>${grouped(count)}</b> <span>${what}</span></a>
<p>${why}</p></li>
`,
  );
  return markup`<section>
<h2>What stands out</h2>
<ul class="standouts">
${cards}</ul>
</section>`;
}

const notes = ({ notes: all }: Report): Markup =>
  all.length === 0
    ? markup``
    : markup`<details class="notes" open><summary>Notes</summary><ul>${all.map((note) => markup`<li>${note}</li>`)}</ul></details>`;

const section = ({
  id,
  title,
  about,
  columns,
  rows,
}: PageTable): Markup => markup`<section id="${id}" class="table">
<h2>${title} <span class="count">${rows.length}</span></h2>
<p class="about">${about}</p>
<div class="scroll"><table>
<thead><tr>${columns.map(
  ({ key, heading: text, isNumber }) =>
    markup`<th scope="col" data-key="${key}" data-type="${isNumber === true ? "number" : "text"}">${text}</th>`,
)}</tr></thead>
<tbody>
${rows}</tbody>
</table></div>
<p class="more" hidden></p>
</section>
`;

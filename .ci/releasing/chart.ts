import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { repack, type Epoch } from "./archive.ts";
import type { ImageName } from "./images.ts";
import { writeArtifact } from "./layout.ts";
import { run } from "./run.ts";

/** Packs the chart into the file `to`. */
export function packChart(source: string, to: string, version: string, epoch: Epoch): void {
  const work = mkdtempSync(join(tmpdir(), "podrole-chart-"));
  try {
    const versions = ["--version", version, "--app-version", version];
    run("helm", ["package", join(source, "deploy/chart"), ...versions, "--destination", work]);
    for (const name of readdirSync(work)) repack(join(work, name), to, epoch);
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** Writes a packed chart as an OCI layout, in the form that `helm push` gives a registry. Helm itself only pushes under a tag. */
export function writeChartLayout(archive: string, layout: string): void {
  const facts: unknown = parse(run("helm", ["show", "chart", archive]));
  writeArtifact(
    layout,
    { mediaType: "application/vnd.cncf.helm.config.v1+json", content: JSON.stringify(facts) },
    [{ mediaType: "application/vnd.cncf.helm.chart.content.v1.tar+gzip", content: readFileSync(archive) }],
  );
}

/** Each image by version and digest. The digest decides; the version is for people, and for `podrole check`. */
export type References = Readonly<Record<ImageName, string>>;

export const referencesOf = (
  registry: string,
  version: string,
  digests: Readonly<Record<ImageName, string>>,
): References => ({
  injector: `${registry}/injector:${version}@${digests.injector}`,
  sidecar: `${registry}/sidecar:${version}@${digests.sidecar}`,
});

/**
 * Writes the chart's values that name the images by their digests, and the manifests with these values for those without Helm.
 * @param source  a tree with the chart
 */
export function writeManifests(source: string, folder: string, version: string, images: References): void {
  const [repository = "", tag = "", digest = ""] =
    /^(.+):([^:@]+)@(.+)$/.exec(images.injector)?.slice(1) ?? [];
  const values = `# Values for podrole's chart ${version}: its images by their digests. Give the file to helm with -f, before your own values.
image:
  repository: ${repository}
  tag: ${JSON.stringify(tag)}
  digest: ${digest}
options:
  image: ${images.sidecar}
`;
  const named = join(folder, `podrole-${version}-digests.yaml`);
  writeFileSync(named, values);
  const chart = join(source, "deploy/chart");
  const release = [
    "template",
    "podrole",
    chart,
    "--namespace",
    "podrole-system",
    "--set",
    "namespace.create=true",
  ];
  // A helm from `go install` assumes Kubernetes 1.20 unless it is told another version.
  const manifests = run("helm", [...release, "--kube-version", "1.31.0", "--values", named]);
  const head = `# podrole ${version} with its images by their digests: what \`helm install\` would apply with the chart's defaults, for those without
# Helm. The settings are in the ConfigMap podrole-config: write yours into it, here or with \`kubectl edit\`.
`;
  writeFileSync(join(folder, "install.yaml"), head + manifests);
}

import type { MeshIntent } from "../../decide/mesh.ts";
import type { Step } from "./step.ts";

const MODES = {
  cni: "by its CNI plugin, before any container starts",
  init: "by an init container",
} as const;

/** How guard and sidecar get past the mesh's redirect. */
export function meshStep({ name, mode, gid, annotation }: MeshIntent): Step {
  const redirect =
    mode === undefined
      ? `labels or annotations say that ${name} will inject its proxy`
      : `${name} redirects the pod's connections, ${MODES[mode]}`;
  const way =
    gid === undefined
      ? "podrole's own connections go through the proxy once it runs"
      : `podrole's own connections have group ${gid}, which ${name} leaves alone`;
  const told = Object.entries(annotation ?? {}).map(([key, value]) => `annotation ${key} is set to ${value}`);
  const because = [redirect, way, ...told].join("; ");
  return { id: "mesh", question: "Is it in a service mesh?", answer: name, because };
}

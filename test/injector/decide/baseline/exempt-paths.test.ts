import { describe, expect, test } from "vitest";
import { NEVER_EXEMPT_PATHS, NEVER_WRITABLE_PATHS } from "../../../../injector/decide/baseline/paths.ts";
import { admitted, app, denials, injected, plainPod } from "../../../support/pods.ts";
import { exempting, invalid, mounting, reading, writing } from "./exempting.ts";

describe("a path that is never exempted", () => {
  test.for(Object.keys(NEVER_EXEMPT_PATHS))("is %s, and what holds it, and what lies in it", (path) => {
    expect(invalid(`hostPath=${path}`)).toHaveLength(1);
    expect(invalid(`hostPath=${path}:rw`)).toHaveLength(1);
    expect(invalid(`hostPath=${path}/below`)).toHaveLength(1);
    const above = path.slice(0, path.lastIndexOf("/"));
    expect(invalid(`hostPath=${above === "" ? "/" : above}`)).toHaveLength(1);
    expect(denials(reading(path), exempting(`hostPath=${path}`))).toEqual(["HOST_PATH"]);
  });

  // A sidecar that crashes leaves its sessions there.
  test.for([
    "/var/lib/systemd/coredump",
    "/var/lib/systemd",
    "/var/crash",
    "/var/lib/apport/coredump",
    "/var/spool/abrt",
    "/var/spool",
  ])("has the memory of programs that crashed: %s", (path) => {
    expect(denials(reading(path), exempting(`hostPath=${path}`))).toEqual(["HOST_PATH"]);
  });

  test.for(Object.keys(NEVER_WRITABLE_PATHS))("for writing is %s", (path) => {
    expect(invalid(`hostPath=${path}:rw`)).toHaveLength(1);
    expect(invalid(`hostPath=${path}/below:rw`)).toHaveLength(1);
  });

  test.for([
    "/",
    "//",
    "var/log",
    "/var/log/",
    "/var//log",
    "/var/./log",
    "/var/log/../lib/kubelet",
    "/var/log/..",
    "/var/lo*",
    "/var/log\nx",
    "/var/.log",
    "/var/log:ro",
    "/var/log:rw:rw",
    "~/log",
  ])("is one that is not written plainly: %j", (path) => {
    expect(invalid(`hostPath=${path}`)).toHaveLength(1);
  });

  test("is the whole of /var/log for writing: the kubelet follows links there", () => {
    expect(invalid("hostPath=/var/log:rw")).toHaveLength(1);
    expect(invalid("hostPath=/var/log/pods/shop_web:rw")).toHaveLength(1);
    expect(invalid("hostPath=/var/log")).toEqual([]);
    expect(invalid("hostPath=/var/log/shop:rw")).toEqual([]);
  });
});

describe("an exempted path", () => {
  const log = exempting("hostPath=/var/log");

  test.for(["/var/log", "/var/log/", "/var/log/pods", "/var/log//pods", "/var/log/./pods"])(
    "holds %s",
    (path) => expect(denials(reading(path), log)).toEqual(["inject"]),
  );

  test.for([
    "/var/logs",
    "/var/log-old",
    "/var/lo",
    "/var",
    "/",
    "var/log",
    "//var/log",
    "/var/log/../lib/kubelet",
    "/var/log/..",
    "/VAR/LOG",
    "",
  ])("does not hold %j", (path) => expect(denials(reading(path), log)).toEqual(["HOST_PATH"]));

  test("is not for writing: every mount of the volume has to be read-only, in every list", () => {
    const mount = { name: "node", mountPath: "/node" };
    for (const readOnly of [false, undefined]) {
      const written = {
        name: "evil",
        volumeMounts: [{ ...mount, ...(readOnly === undefined ? {} : { readOnly }) }],
      };
      for (const list of ["containers", "initContainers", "ephemeralContainers"]) {
        const attack = plainPod({ ...reading("/var/log").spec, [list]: [written] });
        expect(denials(attack, log)).toEqual(["HOST_PATH"]);
        expect(admitted(attack, log).findings[0]?.remedy).toBe(
          "Set readOnly to true on every mount of the volume, without mountPropagation.",
        );
      }
      const twice = mounting("/var/log", true, {
        volumeMounts: [{ ...mount, readOnly: true }, ...written.volumeMounts],
      });
      expect(denials(twice, log)).toEqual(["HOST_PATH"]);
    }
  });

  // On nodes of EKS with local disks, /var/log/pods is such a file system.
  test("is made read-only with the file systems below it, in every list", () => {
    const mount = { name: "node", mountPath: "/node", readOnly: true };
    const init = { name: "init", volumeMounts: [{ ...mount, recursiveReadOnly: "Enabled" }] };
    const other = { name: "own", mountPath: "/own", readOnly: true };
    const collector = plainPod({
      ...reading("/var/log").spec,
      volumes: [
        { name: "node", hostPath: { path: "/var/log" } },
        { name: "own", emptyDir: {} },
      ],
      initContainers: [init],
      containers: [{ ...app, volumeMounts: [mount, other] }],
    });
    const { spec } = injected(collector, log);
    expect(spec.containers[0]?.volumeMounts).toEqual([{ ...mount, recursiveReadOnly: "IfPossible" }, other]);
    expect(spec.initContainers?.at(-1)?.volumeMounts).toEqual(init.volumeMounts);
    expect(injected({ ...collector, spec }, log).spec).toEqual(spec);
  });

  test.for([{ recursiveReadOnly: "Disabled" }, { mountPropagation: "HostToContainer" }])(
    "is not for writing in the file systems below it: %j",
    (over) => {
      const volumeMounts = [{ name: "node", mountPath: "/node", readOnly: true, ...over }];
      expect(denials(mounting("/var/log", true, { volumeMounts }), log)).toEqual(["HOST_PATH"]);
    },
  );

  test("for writing is that folder alone, since what lies in it can be a link to anywhere", () => {
    const data = exempting("hostPath=/data/search:rw");
    expect(denials(writing("/data/search"), data)).toEqual(["inject"]);
    expect(denials(reading("/data/search"), data)).toEqual(["inject"]);
    for (const path of ["/data/search/link", "/data/search/", "/data/search/.", "/data/searches", "/data"]) {
      expect(denials(writing(path), data)).toEqual(["HOST_PATH"]);
      expect(denials(reading(path), data)).toEqual(["HOST_PATH"]);
    }
  });

  test("in which another is for writing does not hold what lies in that one", () => {
    const both = exempting("hostPath=/var/log,hostPath=/var/log/shop:rw");
    expect(denials(writing("/var/log/shop"), both)).toEqual(["inject"]);
    expect(denials(reading("/var/log/pods"), both)).toEqual(["inject"]);
    expect(denials(reading("/var/log/shop/link"), both)).toEqual(["HOST_PATH"]);
  });

  test("that lies in one for writing is a finding", () => {
    expect(invalid("hostPath=/data:rw,hostPath=/data/a,hostPath=/data/b:rw")).toEqual([
      expect.stringContaining("it lies in a folder that is exempted with :rw"),
      expect.stringContaining("it lies in a folder that is exempted with :rw"),
    ]);
    expect(denials(writing("/data/b"), exempting("hostPath=/data:rw,hostPath=/data/b:rw"))).toEqual([
      "HOST_PATH",
    ]);
  });
});

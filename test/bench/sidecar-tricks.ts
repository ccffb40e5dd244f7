/** One option of Node, V8 or the C library, in addition to the image's settings. */
export interface Trick {
  readonly name: string;
  /** Flags before the program: NODE_OPTIONS does not accept V8's flags. */
  readonly flags?: readonly string[];
  /** `{directory}` stands for a folder that exists during the benchmark. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * What was tried without a line here, because it takes another bundle: November 2026, Node 24.21, the image's settings,
 * against the sidecar of the same run (ready, private memory idle):
 *
 *     node:http required, not imported, in the whole bundle   -15 ms   -1.7 MB   undici stays out: in, see sidecar/node-http.cjs
 *     that for every module of Node's                            0 ms   +0.4 MB   beside node:http alone
 *     that as one CommonJS file of 730 KB                        0 ms   +1.9 MB
 *     STS called from a worker thread that ends afterwards     +50 ms   +7.1 MB   the AWS SDK goes, the thread's heap stays
 *     startup snapshot                                         -32 ms   +6.6 MB   9 MB file; Node aborts while node:http is in it
 *     v8.setFlagsFromString("--no-concurrent-recompilation")    +3 ms    0   MB   too late, it changes nothing
 *     V8's last-resort collection, once STS was called          0 ms   -2.8 MB   25 ms of CPU: in, see sidecar/engine/garbage.ts
 *     a plain full collection in its place                      0 ms   +0.4 MB   nothing of the start's code goes
 *     the inspector's HeapProfiler.collectGarbage               0 ms   -2.8 MB   the same by a longer way
 *     v8.queryObjects, which collects first                     0 ms   +1.5 MB   and 100 ms of CPU
 *     a logger of 20 lines in pino's place                     -9 ms   -0.4 MB   with the collection; issue 4 wants pino
 *     pino without worker_threads and thread-stream             0 ms   -0.1 MB
 *     names shortened in the bundle                            -5 ms   -0.3 MB   errors could no longer be placed
 *     ReadableStream and Blob defined away                      0 ms    0   MB
 *     the SDK's default credential chain defined away           0 ms   -0.1 MB
 *     the SDK's protocol, signer and HTTP handler alone       -20 ms   -1.8 MB   no client: they are not public
 *
 * With a private CA for STS it is 1.6 MB more: Node then makes texts of all its roots. A public certificate costs 0.2 MB.
 * From the collection on, times are CPU time: the machine was a busy one.
 *
 * A V8 flag that changes what code is made (`--no-opt`, `--max-lazy`, `--lite-mode`, `--jitless`, `--expose-gc`,
 * `--no-flush-bytecode`, `--stack-size`) costs 40 ms and 0.7 MB at every start, since Node's own code comes compiled
 * without it and is then compiled anew. glibc's MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ bring 0.1 MB.
 *
 * What cannot be saved, as `--layers` shows it: the modules of Node's own that an HTTPS client imports are 13.3 MB, 1.39
 * times the bare server, before the first line of the AWS SDK.
 */
export const TRICKS: readonly Trick[] = [
  { name: "(as in the image)" },
  { name: "NODE_COMPILE_CACHE", env: { NODE_COMPILE_CACHE: "{directory}/cache" } },
  { name: "--v8-pool-size=1", flags: ["--v8-pool-size=1"] },
  { name: "--single-threaded", flags: ["--single-threaded"] },
  { name: "--single-threaded-gc", flags: ["--single-threaded-gc"] },
  { name: "--no-concurrent-recompilation", flags: ["--no-concurrent-recompilation"] },
  { name: "--optimize-for-size", flags: ["--optimize-for-size"] },
  { name: "--lite-mode", flags: ["--lite-mode"] },
  { name: "--max-lazy", flags: ["--max-lazy"] },
  { name: "--no-opt", flags: ["--no-opt"] },
  { name: "--jitless", flags: ["--jitless"] },
  { name: "--expose-gc", flags: ["--expose-gc"] },
  { name: "--semi-space-growth-factor=1", flags: ["--semi-space-growth-factor=1"] },
  { name: "malloc trims", env: { MALLOC_TRIM_THRESHOLD_: "65536", MALLOC_MMAP_THRESHOLD_: "65536" } },
  { name: "MALLOC_ARENA_MAX unset", env: { MALLOC_ARENA_MAX: "" } },
  { name: "UV_THREADPOOL_SIZE=1", env: { UV_THREADPOOL_SIZE: "1" } },
];

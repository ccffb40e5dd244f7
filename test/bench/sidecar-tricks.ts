/** One thing that Node, V8 or the C library offers, on top of what the image does. */
export interface Trick {
  readonly name: string;
  /** Before the program: V8's own are not let into NODE_OPTIONS. */
  readonly flags?: readonly string[];
  /** `{directory}` stands for one that is there for the length of the bench. */
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
 *
 * A V8 flag that changes what code is made (`--no-opt`, `--max-lazy`, `--lite-mode`) costs 40 ms at every start, probably
 * because Node's own code comes compiled without it and is then compiled anew.
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
  { name: "MALLOC_ARENA_MAX unset", env: { MALLOC_ARENA_MAX: "" } },
  { name: "UV_THREADPOOL_SIZE=1", env: { UV_THREADPOOL_SIZE: "1" } },
];

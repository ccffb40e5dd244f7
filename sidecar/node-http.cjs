/**
 * Stands in for node:http in the bundle (the alias in .ci/build.ts). An ES module that imports node:http
 * is given all of its exports, also those that Node makes when asked for; `WebSocket` is one of them, and with it comes
 * undici: 12 ms and 1.8 MB that every pod would pay for something that the sidecar never uses.
 */
module.exports = process.getBuiltinModule("node:http");

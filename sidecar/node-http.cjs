/**
 * Replaces node:http in the bundle (the alias of the sidecar's build). An ES module that imports node:http gets all of its
 * exports, also those that Node loads only on access. One of them is `WebSocket`, which loads undici: 12 ms and 1.8 MB in
 * every pod for something that the sidecar never uses.
 */
module.exports = process.getBuiltinModule("node:http");

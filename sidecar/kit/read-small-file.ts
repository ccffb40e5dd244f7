import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";

/**
 * The content of a regular file of at most `most` bytes, read in one piece: a bounded read, whatever the path leads to.
 * Not by node:fs/promises, whose threads and modules cost every pod 0.3 MB: the files are the kubelet's, in memory.
 * @throws Error of the file system, or one with `code` `EFBIG` or `EINVAL` for what is too large or no file
 */
export function readSmallFile(path: string, most: number): Buffer {
  // Without O_NONBLOCK, opening a named pipe would wait for somebody to write.
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!fstatSync(file).isFile()) throw fault("EINVAL");
    const buffer = Buffer.alloc(most + 1);
    let length = 0;
    for (let more = 1; more > 0 && length <= most; length += more) {
      more = readSync(file, buffer, length, buffer.length - length, null);
    }
    if (length > most) throw fault("EFBIG");
    return buffer.subarray(0, length);
  } finally {
    closeSync(file);
  }
}

const fault = (code: string): Error => Object.assign(new Error(code), { code });

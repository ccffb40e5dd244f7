import { constants, open } from "node:fs/promises";

/**
 * The content of a regular file of at most `most` bytes, read in one piece: a bounded read, whatever the path leads to.
 * @throws Error of the file system, or one with `code` `EFBIG` or `EINVAL` for what is too large or no file
 */
export async function readSmallFile(path: string, most: number): Promise<Buffer> {
  // Without O_NONBLOCK, opening a named pipe would wait for somebody to write.
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    if (!(await file.stat()).isFile()) throw fault("EINVAL");
    const buffer = Buffer.alloc(most + 1);
    let length = 0;
    for (let more = 1; more > 0 && length <= most; length += more) {
      more = (await file.read(buffer, length, buffer.length - length)).bytesRead;
    }
    if (length > most) throw fault("EFBIG");
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

const fault = (code: string): Error => Object.assign(new Error(code), { code });

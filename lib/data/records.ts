// What a labelled set of small pictures is in memory, before anything becomes a tensor.

/** Bytes of one picture: 3 channels of 32 rows of 32 pixels. */
export const PICTURE_BYTES = 3 * 32 * 32;

/**
 * Labelled 32x32 RGB pictures as bytes, in the order in which CIFAR-10's binary version stores them.
 * Buffers made by this package are SharedArrayBuffers, so worker threads can share one copy.
 */
export interface ImageRecords {
  /** `count * 3072` bytes; a picture is its red plane, then green, then blue, each row by row. */
  images: Uint8Array;
  /** `count` class numbers, each an index into `classes`. */
  labels: Uint8Array;
  count: number;
  /** The name of each class. */
  classes: string[];
}

/** Room for `count` pictures and labels, all zero, in memory that threads can share. */
export function allocateRecords(count: number, classes: readonly string[]): ImageRecords {
  return {
    images: new Uint8Array(new SharedArrayBuffer(count * PICTURE_BYTES)),
    labels: new Uint8Array(new SharedArrayBuffer(count)),
    count,
    classes: [...classes],
  };
}

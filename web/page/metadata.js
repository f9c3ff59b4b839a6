// What a camera wrote into a JPEG, put into the relit one: as it was, but upright, and without the
// small picture of before.

const START = 2 // bytes of a JPEG before its first segment
const HEAD = 10 // of an EXIF segment: marker, length, "Exif", two zeros
const ORIENTATION = 0x0112

// where each segment before the pixels begins, what it is and how long
function* segments(view) {
  let at = START
  while (at + 4 <= view.byteLength && view.getUint8(at) === 0xff) {
    const kind = view.getUint8(at + 1)
    if (kind === 0xda) return
    const length = 2 + view.getUint16(at + 2)
    yield {at, kind, length}
    at += length
  }
}

function exifSegment(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (view.byteLength < 4 || view.getUint16(0) !== 0xffd8) return null
  for (const {at, kind, length} of segments(view)) {
    const isExif = kind === 0xe1 && view.getUint32(at + 4) === 0x45786966
    if (isExif && at + length <= bytes.length) return bytes.slice(at, at + length)
  }
  return null
}

// upright, and nothing after its first directory
function mended(segment) {
  const view = new DataView(segment.buffer, HEAD)
  const little = view.getUint16(0) === 0x4949
  const first = view.getUint32(4, little)
  const count = view.getUint16(first, little)
  for (let k = 0; k < count; k++) {
    const entry = first + 2 + 12 * k
    if (view.getUint16(entry, little) === ORIENTATION) view.setUint16(entry + 8, 1, little)
  }
  view.setUint32(first + 2 + 12 * count, 0, little)
  return segment
}

// a JPEG that was made of another file, with that one's EXIF if it has any
export async function withExif(blob, file) {
  try {
    const segment = exifSegment(new Uint8Array(await file.slice(0, 1 << 18).arrayBuffer()))
    if (!segment) return blob
    const parts = [blob.slice(0, START), mended(segment), blob.slice(START)]
    return new Blob(parts, {type: blob.type})
  } catch {
    return blob // nonsense, or cut off: nothing of it is kept
  }
}

// How large a picture is by the first bytes of its file, before anything decodes it.

const text = (bytes, at, n) => String.fromCharCode(...bytes.subarray(at, at + n))

// JPEG: the frame, after segments of any length
function jpegSize(bytes, view) {
  let at = 2
  while (at + 9 < bytes.length) {
    if (bytes[at] !== 0xff) return null
    const marker = bytes[at + 1]
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)
    if (isFrame) return [view.getUint16(at + 7), view.getUint16(at + 5)]
    at += 2 + view.getUint16(at + 2)
  }
  return null
}

// [width, height], or null where it is not known
export function sizeOf(bytes) {
  if (bytes.length < 30) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const little = (at, n) => (n === 2 ? view.getUint16(at, true) : view.getInt32(at, true))
  if (text(bytes, 1, 3) === "PNG") return [view.getUint32(16), view.getUint32(20)]
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegSize(bytes, view)
  if (text(bytes, 0, 3) === "GIF") return [little(6, 2), little(8, 2)]
  if (text(bytes, 0, 2) === "BM") return [little(18, 4), Math.abs(little(22, 4))]
  return null
}

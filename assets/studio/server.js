// What the server keeps for this page in the visit's folder, and how it is fetched. A page without
// a server (web/) puts what it made itself into `made`.

export const FORGOTTEN = "The photo was forgotten after some hours: send it again."
const LOST = "The photo could not be fetched: the line was lost. Send it again."

export const made = new Map() // path → address of a picture, or maps by name

export function address(path) {
  if (made.has(path)) return made.get(path)
  const escaped = path.split("/").map(encodeURIComponent).join("/")
  return new URL("gradio_api/file=" + escaped, document.baseURI).href
}

// a file of 8-bit and 16-bit numbers → name → Float32Array
export async function unpack(path, index) {
  if (made.has(path)) return made.get(path)
  const answer = await fetch(address(path)).catch(() => {
    throw new Error(LOST)
  })
  if (!answer.ok) throw new Error(FORGOTTEN)
  const data = await answer.arrayBuffer()
  const maps = {}
  for (const [name, {at, count, bits, low, high}] of Object.entries(index)) {
    const k = (high - low) / (2 ** bits - 1)
    const Levels = bits === 8 ? Uint8Array : Uint16Array
    maps[name] = Float32Array.from(new Levels(data, at, count), v => low + k * v)
  }
  return maps
}

// the address of a picture → the picture, decoded
export async function fetchImage(path) {
  const image = new Image()
  image.src = address(path)
  await image.decode().catch(() => {
    throw new Error(FORGOTTEN)
  })
  return image
}

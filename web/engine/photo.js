// A photo's pixels, upright and over white, and the pictures of it that the page shows.
import {Refusal} from "./refusal.js"
import {sizeOf} from "./sizes.js"

const MOST = 80e6 // pixels, as the package
const SHOWN = 1024 // longer side of a picture on the page, px

const megapixels = ([width, height]) => Math.round((width * height) / 1e6)

function checkSize(name, size) {
  if (!size || size[0] * size[1] <= MOST) return
  const most = MOST / 1e6
  throw new Refusal(
    `${name} has ${size.join(" × ")} = ${megapixels(size)} megapixels; at most ${most} are read.`,
  )
}

const OTHERS = /\.(heic|heif|tiff?|jp2|exr|hdr|dng|cr2|nef|arw|psd)$/i

function unreadable(name) {
  const kind = name.match(OTHERS)?.[1].toUpperCase()
  if (kind) return new Refusal(`This browser opens no ${kind}: save ${name} as a JPEG or PNG.`)
  return new Refusal(`${name} is no picture that this browser can open, or it is damaged.`)
}

// a file → {picture, canvas}; turned as its camera was held, colours as sRGB
export async function readPhoto(file) {
  const {name} = file
  if (!file.size) throw new Refusal(`${name} is empty (zero bytes).`)
  checkSize(name, sizeOf(new Uint8Array(await file.slice(0, 1 << 18).arrayBuffer())))
  const bitmap = await createImageBitmap(file).catch(() => {
    throw unreadable(name)
  })
  const {width, height} = bitmap
  checkSize(name, [width, height])
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext("2d", {willReadFrequently: true})
  context.fillStyle = "#fff"
  context.fillRect(0, 0, width, height)
  context.drawImage(bitmap, 0, 0)
  bitmap.close()
  return {picture: {...pixelsOf(context, name), channels: 3}, canvas}
}

// a canvas that is too large for a browser throws, or stays empty
function pixelsOf(context, name) {
  const {width, height} = context.canvas
  try {
    const {data} = context.getImageData(0, 0, width, height)
    if (data[3]) return {width, height, data}
  } catch {
    // said below
  }
  throw new Refusal(`${name} has ${megapixels([width, height])} megapixels, too many for here.`)
}

// a part of the photo as a picture for the page: a PNG, and the way from its pixels to the photo's
export async function viewOf({width, height, canvas}, [x0, y0, x1, y1] = [0, 0, width, height]) {
  const [w, h] = [x1 - x0, y1 - y0]
  const scale = Math.min(1, SHOWN / Math.max(w, h))
  const [across, down] = [w, h].map(n => Math.max(1, Math.round(n * scale)))
  const small = new OffscreenCanvas(across, down)
  const context = small.getContext("2d")
  context.imageSmoothingQuality = "high"
  context.drawImage(canvas, x0, y0, w, h, 0, 0, across, down)
  const [kx, ky] = [w / across, h / down]
  const back = [
    [kx, 0, kx / 2 - 0.5 + x0],
    [0, ky, ky / 2 - 0.5 + y0],
  ]
  return {blob: await small.convertToBlob({type: "image/png"}), back}
}

// the part of the photo about a face: head and shoulders, a square where it is inside
export function around([x0, y0, x1, y1], {width, height}) {
  const face = Math.max(x1 - x0, y1 - y0)
  const middle = [(x0 + x1) / 2, (y0 + y1) / 2 - 0.15 * face]
  const sides = [width, height].map(n => Math.min(2.8 * face, n))
  const corner = middle.map((v, c) => {
    const most = [width, height][c] - sides[c]
    return Math.min(most, Math.max(0, v - sides[c] / 2))
  })
  return [...corner, ...corner.map((v, c) => v + sides[c])].map(Math.floor)
}

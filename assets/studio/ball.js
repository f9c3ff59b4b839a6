// A white ball under a light.
import {ballNormals, basisMap, shade, peak} from "./sh.js"
import {encode} from "./colour.js"

const balls = new Map() // side → {basis, cover}

function ballOf(size) {
  if (!balls.has(size)) {
    const [normals, cover] = ballNormals(size)
    balls.set(size, {basis: basisMap(normals), cover})
  }
  return balls.get(size)
}

// a canvas of a size, and its context for pixels that are written by hand
export function paper(canvas, size) {
  if (canvas.width !== size || canvas.height !== size) canvas.width = canvas.height = size
  return canvas.getContext("2d", {willReadFrequently: true})
}

// dimmed where it would be brighter than white
export function drawBall(canvas, light, size = 128) {
  const {basis, cover} = ballOf(size)
  const context = paper(canvas, size)
  const image = context.createImageData(size, size)
  const lit = shade(basis, light)
  const k = 1 / Math.max(1, peak(light))
  for (let p = 0, i = 0; p < size * size; p++, i += 4) {
    for (let c = 0; c < 3; c++) image.data[i + c] = encode(k * lit[3 * p + c])
    image.data[i + 3] = 255 * cover[p]
  }
  context.putImageData(image, 0, 0)
}

// Place on a ball of radius 1 (y up) → azimuth, elevation, at most `most` degrees from the camera:
// off the ball is its rim
export function ballDirection(x, y, most = 90) {
  const r = Math.hypot(x, y)
  const theta = Math.min(Math.asin(Math.min(1, r)), (most * Math.PI) / 180)
  const k = r > 0 ? Math.sin(theta) / r : 0
  const up = Math.asin(Math.max(-1, Math.min(1, y * k)))
  return [(Math.atan2(x * k, Math.cos(theta)) * 180) / Math.PI, (up * 180) / Math.PI]
}

// from before the head to behind it, and back; never onto its silhouette
export function mirrored(azimuth) {
  const a = Math.abs(azimuth) === 90 ? (azimuth * 89) / 90 : azimuth
  return (a < 0 ? -180 : 180) - a
}

// the inverse: where on the ball a direction shines, at most on its rim
export function ballPlace(azimuth, elevation) {
  const a = (azimuth * Math.PI) / 180
  const e = (elevation * Math.PI) / 180
  const x = Math.sin(a) * Math.cos(e)
  const y = Math.sin(e)
  const z = Math.cos(a) * Math.cos(e)
  const r = Math.hypot(x, y) || 1
  const k = z >= 0 ? 1 : 1 / r
  return [x * k, y * k]
}

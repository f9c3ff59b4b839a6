// Light as nine spherical-harmonics coefficients per colour: the same arithmetic as
// illures_nb/light.py. A light is an array of 27 numbers: 9 rows in the order
// 1, z, x, y, 2z²-x²-y², xz, yz, x²-y², xy, each R, G, B.
// Directions: x right, y up, z to the viewer. Angles in degrees.

const ORDER = [0, 1, 1, 1, 2, 2, 2, 2, 2]
const LAMBERT = ORDER.map(l => [Math.PI, (2 * Math.PI) / 3, Math.PI / 4][l])
export const SCALE = [1, 3, 3, 3, 5 / 4, 15, 15, 15 / 4, 15].map(
  (v, i) => Math.sqrt(v / (4 * Math.PI)) * LAMBERT[i],
)
export const LUMINANCE = [0.2126, 0.7152, 0.0722]

const radians = a => (a * Math.PI) / 180
const degrees = a => (a * 180) / Math.PI
const clamp = (x, low, high) => Math.min(high, Math.max(low, x))

// the nine terms at a normal, written into a list
function terms(x, y, z, out, at) {
  out[at] = SCALE[0]
  out[at + 1] = SCALE[1] * z
  out[at + 2] = SCALE[2] * x
  out[at + 3] = SCALE[3] * y
  out[at + 4] = SCALE[4] * (2 * z * z - x * x - y * y)
  out[at + 5] = SCALE[5] * x * z
  out[at + 6] = SCALE[6] * y * z
  out[at + 7] = SCALE[7] * (x * x - y * y)
  out[at + 8] = SCALE[8] * x * y
  return out
}

export const basis = (x, y, z) => terms(x, y, z, new Array(9), 0)

export const zero = () => new Array(27).fill(0)
export const sum = lights => lights.reduce((a, b) => a.map((v, i) => v + b[i]), zero())
export const scaled = (light, factor) => light.map((v, i) => v * (factor[i % 3] ?? factor))
export const even = amount => zero().map((_, i) => (i < 3 ? amount / SCALE[0] : 0))

export function direction(azimuth, elevation) {
  const a = radians(azimuth)
  const e = radians(elevation)
  return [Math.sin(a) * Math.cos(e), Math.sin(e), Math.cos(a) * Math.cos(e)]
}

// Orders 1 and 2 of a disc of light of half-angle softness·90°, relative to a point
const disc = softness => {
  const c = Math.cos((softness * Math.PI) / 2)
  return [1, (1 + c) / 2, (c * (1 + c)) / 2]
}

// shading 1 where a surface faces it
export function lamp(azimuth, elevation, softness = 0.15) {
  const d = basis(...direction(azimuth, elevation))
  const k = d.map((v, i) => (v / LAMBERT[i]) * disc(softness)[ORDER[i]])
  const facing = k.reduce((s, v, i) => s + v * d[i], 0)
  return k.flatMap(v => [v / facing, v / facing, v / facing])
}

// -1 (blue sky, 20000 K) .. 1 (bulb, 2700 K), even in 1/kelvin → linear R, G, B of luminance 1
export function warmth(w) {
  const kelvin =
    1e6 / (w < 0 ? (1e6 / 6504) * (1 + w) - 50 * w : (1e6 / 6504) * (1 - w) + (1e6 / 2700) * w)
  const planck = t => [650e-9, 545e-9, 440e-9].map(l => 1 / Math.expm1(0.014388 / (l * t)))
  const day = planck(6504)
  const rgb = planck(kelvin).map((v, i) => v / day[i])
  const Y = rgb.reduce((s, v, i) => s + v * LUMINANCE[i], 0)
  return rgb.map(v => v / Y)
}

// 3×3 by rows; yaw > 0 carries a frontal light to the right, pitch > 0 up
export function rotation(yaw, pitch) {
  const [cy, sy, cp, sp] = [
    Math.cos(radians(yaw)),
    Math.sin(radians(yaw)),
    Math.cos(radians(pitch)),
    Math.sin(radians(pitch)),
  ]
  return [
    [cy, -sy * sp, sy * cp],
    [0, cp, sp],
    [-sy, -cy * sp, cy * cp],
  ]
}

const product = (A, B) =>
  A.map(row => B[0].map((_, j) => row.reduce((s, v, k) => s + v * B[k][j], 0)))
export const applied = (A, v) => A.map(row => row.reduce((s, a, i) => s + a * v[i], 0))
const transposed = A => A[0].map((_, j) => A.map(row => row[j]))

// every direction d of the light becomes R·d: orders 1 and 2 are a vector and a matrix
export function rotated(light, R) {
  const out = zero()
  const s = SCALE
  for (let c = 0; c < 3; c++) {
    const k = i => light[3 * i + c] * s[i]
    const put = (i, v) => {
      out[3 * i + c] = v / s[i]
    }
    const [[x], [y], [z]] = product(R, [[k(2)], [k(3)], [k(1)]])
    const Q = product(
      product(R, [
        [k(7) - k(4), k(8) / 2, k(5) / 2],
        [k(8) / 2, -k(7) - k(4), k(6) / 2],
        [k(5) / 2, k(6) / 2, 2 * k(4)],
      ]),
      transposed(R),
    )
    const turned = [
      k(0),
      z,
      x,
      y,
      Q[2][2] / 2,
      2 * Q[0][2],
      2 * Q[1][2],
      (Q[0][0] - Q[1][1]) / 2,
      2 * Q[0][1],
    ]
    turned.forEach((v, i) => put(i, v))
  }
  return out
}

// azimuth, elevation of where most of it comes from; 0, 0 for an even one
export function angles(light) {
  const [x, y, z] = [2, 3, 1].map(i => LUMINANCE.reduce((s, w, c) => s + w * light[3 * i + c], 0))
  const length = Math.hypot(x, y, z)
  if (length <= 1e-6 * Math.max(...light.slice(0, 3).map(Math.abs))) return [0, 0]
  return [degrees(Math.atan2(x, z)), degrees(Math.asin(clamp(y / length, -1, 1)))]
}

// without its colour, as bright as before
function grey(light) {
  const Y = SCALE.map((_, i) => LUMINANCE.reduce((s, w, c) => s + w * light[3 * i + c], 0))
  return Y.flatMap(v => [v, v, v])
}

// (S·S·3) normals of a ball that fills a square, (S·S) coverage
export function ballNormals(size) {
  const normals = new Float32Array(size * size * 3)
  const cover = new Float32Array(size * size)
  for (let i = 0, k = 0; i < size; i++) {
    for (let j = 0; j < size; j++, k++) {
      const x = (2 * j + 1) / size - 1
      const y = 1 - (2 * i + 1) / size
      const r = Math.hypot(x, y)
      const q = Math.max(r, 1)
      normals.set([x / q, y / q, Math.sqrt(Math.max(0, 1 - (x * x + y * y) / (q * q)))], 3 * k)
      cover[k] = clamp(((1 - r) * size) / 2 + 0.5, 0, 1)
    }
  }
  return [normals, cover]
}

// (P·3) → (P·9)
export function basisMap(normals) {
  const out = new Float32Array(normals.length * 3)
  for (let p = 0, q = 0; p < normals.length; p += 3, q += 9) {
    terms(normals[p], normals[p + 1], normals[p + 2], out, q)
  }
  return out
}

// (P·9), light → (P·3) linear, ≥ 0
export function shade(B, light, out = new Float32Array(B.length / 3)) {
  for (let p = 0, q = 0; p < out.length; p += 3, q += 9) {
    let r = 0
    let g = 0
    let b = 0
    for (let i = 0, k = 0; i < 9; i++, k += 3) {
      const v = B[q + i]
      r += v * light[k]
      g += v * light[k + 1]
      b += v * light[k + 2]
    }
    out[p] = r > 0 ? r : 0
    out[p + 1] = g > 0 ? g : 0
    out[p + 2] = b > 0 ? b : 0
  }
  return out
}

const PEAK_BALL = basisMap(ballNormals(64)[0])
const PEAK_SHADING = new Float32Array(PEAK_BALL.length / 3)
export function peak(light) {
  let top = 0
  for (const v of shade(PEAK_BALL, light, PEAK_SHADING)) if (v > top) top = v
  return top
}

const LIT = 0.85 // quantile of a face's shading that tells how bright it is lit
const BRIGHTEST = 1.8 // how much more a light's peak may grow than the other's: rims stay rims
// where nine of ten normals of a face lie
const FRONT = basisMap(front(64, ({y, z}) => z > 0.38 && Math.abs(y) < 0.5))

// normals of a ball seen from the front, those that are asked for
export function front(size, wanted) {
  const [normals, covers] = ballNormals(size)
  const at = i => ({y: normals[i + 1], z: normals[i + 2], cover: covers[(i / 3) | 0]})
  return normals.filter((_, i) => wanted(at(i - (i % 3))))
}

// of values, written into order; between two of them where need be
export function quantile(values, share) {
  const sorted = values.sort()
  const at = share * (sorted.length - 1)
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (at - low) * (sorted[high] - sorted[low])
}

// luminance of the shading on the lit part of a face
function litShading(light) {
  const shading = shade(FRONT, grey(light))
  return quantile(
    shading.filter((_, i) => i % 3 === 0),
    LIT,
  )
}

// what a light must be scaled with to light a face as brightly as another one does
export function matchFactor(light, other) {
  const limit = (BRIGHTEST * peak(other)) / Math.max(peak(light), 1e-6)
  const lit = litShading(light)
  return lit > 0 ? Math.min(limit, litShading(other) / lit) : limit
}

// orders 1 and 2 as a larger lamp has them, as bright as before
export function softened(light, softness) {
  const k = disc(softness)
  const soft = light.map((v, i) => v * k[ORDER[Math.floor(i / 3)]])
  return scaled(soft, peak(light) / Math.max(peak(soft), 1e-6))
}

// A light that was fitted to a face has lobes below 0, and colours that part, where that face did
// not show them: turned, it gives black and coloured patches. Its calm form is what is sure of it:
// an even light and one lamp, both of its mean colour, together as bright from the front as it was.
const CALM_SOFTNESS = 0.3
const CALM_FILL = 0.15
const CALM_TURN = 30

// where its lamp is and how large; the strength of lamp and fill, and the colour of both
export function calmParts(light) {
  const Y = grey(light).filter((_, i) => i % 3 === 0)
  const front = lamp(0, 0, CALM_SOFTNESS)
  const strength = Math.hypot(Y[1], Y[2], Y[3]) / front[3]
  const fill = Math.max((Y[0] - strength * front[0]) * SCALE[0], CALM_FILL * strength)
  const colour = meanColour(light)
  const inFront = scaled(sum([scaled(front, strength), even(fill)]), colour)
  const factor = scaled(colour, peak(light) / Math.max(peak(inFront), 1e-6))
  return {angles: angles(light), softness: CALM_SOFTNESS, strength, fill, factor}
}

// of a white ball under it, of luminance 1
function meanColour(light) {
  const lit = shade(PEAK_BALL, light)
  const total = [0, 0, 0]
  for (let i = 0; i < lit.length; i++) total[i % 3] += lit[i]
  const Y = total.reduce((s, v, c) => s + v * LUMINANCE[c], 0)
  return Y > 0 ? total.map(v => v / Y) : [1, 1, 1]
}

// angle between two directions
function between([a, e], [b, f]) {
  const p = direction(a, e)
  const q = direction(b, f)
  return degrees(Math.acos(clamp(p[0] * q[0] + p[1] * q[1] + p[2] * q[2], -1, 1)))
}

// how much of a fitted light is to be its calm form when it is turned to a direction: nothing
// where it was found, all from `CALM_TURN` on
export function calmShare(light, azimuth, elevation) {
  const t = Math.min(1, between(angles(light), [azimuth, elevation]) / CALM_TURN)
  return t * t * (3 - 2 * t)
}

// 3×3: what turns a light until most of it comes from a direction
export function turnTo(light, azimuth, elevation) {
  const [a, e] = angles(light)
  return product(product(rotation(azimuth, elevation), rotation(0, -e)), rotation(-a, 0))
}

// ---- how different lights are

const HALF_WAY = 0.12 // relative change of a ball at which 63 % of the photo's own light is gone
const CONTRASTED = 0.2 // the same, of the contrast
const CHANGE_BALL = basisMap(front(24, ({cover}) => cover > 0.9))

// how much of the photo's own light is gone, 0 to 1; 63 % at a change of 1
const gone = change => 1 - Math.exp(-(change ** 2))

export const contrastChange = contrast => gone((contrast - 1) / CONTRASTED)

// how differently two lights fall on a ball's front: 0 the same but for brightness, towards 1
export function lightChange(light, own) {
  const [one, other] = [light, own].map(k => {
    const lit = shade(CHANGE_BALL, k)
    const length = Math.max(Math.hypot(...lit), 1e-6)
    return lit.map(v => v / length)
  })
  return gone(Math.hypot(...one.map((v, i) => v - other[i])) / HALF_WAY)
}

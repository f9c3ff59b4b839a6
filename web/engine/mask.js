// The soft mask of a face, as illures_nb/mask.py: inside the jaw line, below the hair line that the
// picture shows.
import {blur} from "../studio/filters.js"
import {filled, hull} from "./draw.js"
import {mean} from "./points.js"
import {average, line, median, quantileOf, sorted} from "./statistics.js"

// ---- the outline that landmarks tell

const minus = ([a, b], [c, d]) => [a - c, b - d]
const along = ([a, b], [c, d], share) => [a + share * (c - a), b + share * (d - b)]
const dot = ([a, b], [c, d]) => a * c + b * d

// jaw, then the forehead from the right temple to the left: half an ellipse up to the hair line
// expected from the face's thirds
function outline(p) {
  const brow = mean(p.slice(17, 27))
  const fromChin = minus(brow, p[8])
  const length = Math.hypot(...fromChin)
  const up = fromChin.map(v => v / length)
  const high = dot(minus(brow, p[33]), up)
  const hairLine = brow.map((v, c) => v + up[c] * high)
  const middle = along(p[0], p[16], 0.5)
  const half = minus(p[16], p[0]).map(v => v / 2)
  const forehead = Array.from({length: 19}, (_, k) => {
    const t = (Math.PI * (k + 1)) / 20
    return [0, 1].map(
      c => middle[c] + half[c] * Math.cos(t) + (hairLine[c] - middle[c]) * Math.sin(t),
    )
  })
  return [...p.slice(0, 17), ...forehead]
}

// from the brows to the upper lip and half of the cheeks
function innerFace(p, size) {
  const left = along(p[36], p[0], 0.5)
  const right = along(p[45], p[16], 0.5)
  const brows = p.slice(17, 27).map(([x, y]) => [x, y - 0.02 * size])
  const cheeks = p.slice(3, 14).map(q => along(p[30], q, 0.7))
  return filled([left, ...brows, right, ...cheeks.reverse()], size)
}

// ---- what is skin for sure

const NOT_SKIN = [
  [17, 22],
  [22, 27],
  [36, 42],
  [42, 48],
  [48, 60],
  [31, 36],
]

// the greatest of a square about each pixel
function widened(x, size, side) {
  const before = side >> 1
  const rows = greatest(x, size, side, before, 1, size)
  return greatest(rows, size, side, before, size, 1)
}

function greatest(x, size, side, before, step, other) {
  const out = new Float32Array(size * size)
  for (let line = 0; line < size; line++) {
    for (let k = 0; k < size; k++) {
      let most = 0
      const end = Math.min(size, k - before + side)
      for (let i = Math.max(0, k - before); i < end; i++) {
        most = Math.max(most, x[line * other + i * step])
      }
      out[line * other + k * step] = most
    }
  }
  return out
}

// pixels of the inner face that are no feature of it: their places
function sureSkin(inner, p, size) {
  const features = new Float32Array(size * size)
  for (const [first, end] of NOT_SKIN) {
    filled(hull(p.slice(first, end)), size).forEach((v, k) => {
      features[k] = Math.max(features[k], v)
    })
  }
  const wide = widened(features, size, Math.max(3, size >> 4))
  const places = []
  inner.forEach((v, k) => {
    if (v > 127 / 255 && wide[k] < 64 / 255) places.push(k)
  })
  return places
}

// ---- how unlike skin a pixel is

// how far a hue lies from skin's at the same brightness, in skin's own deviations
function hueDeviation(brightness, hue, skin, low, high) {
  const [light, own] = [skin.map(k => brightness[k]), skin.map(k => hue[k])]
  const [slope, offset] = high - low > 0.05 ? line(light, own) : [0, average(own)]
  const off = own.map((v, k) => v - slope * light[k] - offset)
  const middle = average(off)
  const deviation = Math.sqrt(average(off.map(v => (v - middle) ** 2)))
  const expected = b => slope * Math.min(high, Math.max(low, b)) + offset
  return hue.map((v, k) => (v - expected(brightness[k])) / (0.12 + 2.5 * deviation))
}

// logarithms of a picture: brightness, red against green, yellow against blue
function logarithms(rgb, size) {
  const soft = blur(rgb.slice(), size, 3, size / 100)
  const linear = v => Math.max(v, 0) ** 2.2 + 0.01
  const [brightness, red, yellow] = [1, 2, 3].map(() => new Float64Array(size * size))
  for (let k = 0; k < brightness.length; k++) {
    const r = linear(soft[3 * k])
    const g = linear(soft[3 * k + 1])
    const b = linear(soft[3 * k + 2])
    brightness[k] = Math.log((r + g + b) / 3)
    red[k] = Math.log(r / g)
    yellow[k] = Math.log((r * g) / (b * b)) / 2
  }
  return [brightness, red, yellow]
}

function unlikeSkin(rgb, skin, size) {
  const [brightness, ...hues] = logarithms(rgb, size)
  const ranked = sorted(skin.map(k => brightness[k]))
  const [low, middle, high] = [0.04, 0.6, 0.98].map(share => quantileOf(ranked, share))
  const [red, yellow] = hues.map(hue => hueDeviation(brightness, hue, skin, low, high))
  return Float32Array.from(brightness, (b, k) => {
    const darker = Math.max(low - b, 0) / 0.45
    const shine = Math.min(1, Math.max(0, (b - middle) / (high - middle + 0.05)))
    const coloured = 0.5 * (1 - shine) * (red[k] ** 2 + yellow[k] ** 2)
    return Math.min(1, darker ** 2 + coloured)
  })
}

// ---- rays from the bridge of the nose

const RAYS = 120 // the first to the right, then down

// a map along rays, (ray, px), 0 beyond it
function polar(x, size, [cx, cy]) {
  const at = (i, j) => (i < 0 || j < 0 || i >= size || j >= size ? 0 : x[j * size + i])
  return Array.from({length: RAYS}, (_, ray) => {
    const angle = (2 * Math.PI * ray) / RAYS
    return Float32Array.from({length: size}, (_, r) => {
      const [u, v] = [cx + r * Math.cos(angle), cy + r * Math.sin(angle)]
      const [i, j] = [Math.floor(u), Math.floor(v)]
      const [f, g] = [u - i, v - j]
      const above = at(i, j) * (1 - f) + at(i + 1, j) * f
      return above * (1 - g) + (at(i, j + 1) * (1 - f) + at(i + 1, j + 1) * f) * g
    })
  })
}

const count = (values, wanted) => values.reduce((n, v) => n + (wanted(v) ? 1 : 0), 0)

// how far each goes until the face ends, px
function rayEnds(p, size, rgb, outer) {
  const inner = innerFace(p, size)
  const skin = sureSkin(inner, p, size)
  if (skin.length < 20) return new Array(RAYS).fill(2 * size)
  const frame = Math.max(3, Math.floor(size / 18)) // px of a pair of spectacles
  const unlike = polar(unlikeSkin(rgb, skin, size), size, p[27])
  const within = polar(inner, size, p[27])
  const farthest = polar(outer, size, p[27])
  return unlike.map((ray, k) => {
    const first = count(within[k], v => v > 127 / 255)
    const most = count(farthest[k], v => v > 0.5 / 255) + size / 16
    const reach = Math.min(firstUnlike(ray, first, frame), most)
    const jaw = Math.min(1, Math.max(0, (Math.sin((2 * Math.PI * k) / RAYS) + 0.1) / 0.4))
    return (1 - jaw) * reach + jaw * most
  })
}

// from where on a ray stays unlike skin
function firstUnlike(ray, first, frame) {
  const last = ray.length - 1
  for (let r = first; r <= last; r++) {
    let sum = 0
    for (let k = 0; k < frame; k++) sum += ray[Math.min(last, r + k)]
    if (sum / frame > 0.6) return r
  }
  return Infinity
}

// smoothed over neighbours on a circle: narrow notches closed, then median and mean
function around(reach) {
  const near = (x, n, does) =>
    x.map((_, k) =>
      does(Array.from({length: 2 * n + 1}, (_, i) => x[(k + i - n + RAYS) % RAYS])),
    )
  const highest = near(reach, 9, some => Math.max(...some))
  const closed = near(highest, 9, some => Math.min(...some))
  return near(near(closed, 3, median), 3, average)
}

// what lies within the rays' ends
function hairLine(p, size, rgb, outer) {
  const reach = around([...rayEnds(p, size, rgb, outer)])
  const [x, y] = p[27]
  return Float32Array.from({length: size * size}, (_, k) => {
    const [right, down] = [(k % size) - x, Math.floor(k / size) - y]
    const turn = (Math.atan2(down, right) / (2 * Math.PI) + 1) % 1
    const ray = Math.floor(turn * RAYS)
    const share = turn * RAYS - ray
    const limit = reach[ray % RAYS] * (1 - share) + reach[(ray + 1) % RAYS] * share
    return Math.min(1, Math.max(0, (limit - Math.hypot(right, down)) / (size / 32) + 0.5))
  })
}

// (size²) in [0, 1]; landmarks in px of the picture, rgb (size²·3) sRGB in [0, 1]
export function faceMask(landmarks, size, rgb) {
  const outer = filled(outline(landmarks), size)
  const hair = hairLine(landmarks, size, rgb, outer)
  const mask = blur(outer.map((v, k) => v * hair[k]), size, 1, size / 96)
  return mask.map(v => Math.min(1, Math.max(0, v)))
}

// Layers of paint on the albedo, by the formulas of illures_nb/layers.py and decals.py, in linear
// light on the crop's fine grid. Side, floor and the names of kinds and blends are theirs.
import {element} from "./dom.js"
import {DECODE, toSrgb} from "./colour.js"
import {LUMINANCE} from "./sh.js"

export const SIDE = 512 // of the fine albedo and of every layer, px
export const WHOLE = [0, 0, SIDE, SIDE]
const FLOOR = 0.003 // linear: no albedo is darker

const clamp = (x, low, high) => Math.min(high, Math.max(low, x))
export const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16))
export const hex = rgb => "#" + rgb.map(v => Math.round(v).toString(16).padStart(2, "0")).join("")

// ---- layers

// what a layer is for the package
const FIELDS = {
  kind: "paint",
  name: "",
  visible: true,
  opacity: 1,
  blend: "normal",
  colour: null,
  under: null,
  tone: null,
  beyond: false,
}

let count = 0

// pixels: SIDE × SIDE × RGBA, never changed once they are in the history
export const layer = fields => ({id: ++count, ...FIELDS, pixels: null, ...fields})

export const blank = () => new Uint8ClampedArray(SIDE * SIDE * 4)

// address of a picture → its RGBA pixels at a size
export async function picture(url, width, height = width) {
  const image = new Image()
  image.src = url
  await image.decode()
  const canvas = element("canvas", {
    width: width ?? image.naturalWidth,
    height: height ?? image.naturalHeight,
  })
  const context = canvas.getContext("2d", {willReadFrequently: true})
  context.drawImage(image, 0, 0, canvas.width, canvas.height)
  return context.getImageData(0, 0, canvas.width, canvas.height)
}

export async function fromServer({png, ...fields}) {
  return layer({...fields, pixels: png && (await picture(png, SIDE)).data})
}

const encoded = new WeakMap() // pixels → data URL

function dataUrl(pixels) {
  if (!encoded.has(pixels)) {
    const canvas = element("canvas", {width: SIDE, height: SIDE})
    canvas.getContext("2d").putImageData(new ImageData(pixels, SIDE), 0, 0)
    encoded.set(pixels, canvas.toDataURL("image/png"))
  }
  return encoded.get(pixels)
}

// without what only the page needs
export function forServer({pixels, ...layer}) {
  const fields = Object.keys(FIELDS).map(name => [name, layer[name]])
  return {...Object.fromEntries(fields), png: pixels ? dataUrl(pixels) : null}
}

// ---- the albedo

// RGBA bytes → linear R, G, B
function linear(pixels) {
  const channel = (_, i) => DECODE[pixels[4 * ((i / 3) | 0) + (i % 3)]]
  return Float32Array.from({length: SIDE * SIDE * 3}, channel)
}

// One face's fine albedo and what is painted on it
// RGBA pixels of both albedos; luminance and pigments of the skin; (S, S, 2) in crop sides
export class Paint {
  constructor({fine, healed, level, tone, unrolled, size}) {
    this.found = linear(fine)
    this.level = level
    this.tone = tone
    this.unrolled = unrolled
    this.size = size
    this.beyond = null // what tones take from skin that is not the face's
    this.flats = null // where each texel lies on the unrolled face, worked out for the first decal
    this.heal = linear(healed).map((v, i) => v / this.found[i] - 1)
    this.albedo = this.found.slice()
    this.ratio = {data: new Float32Array(this.found.length).fill(1), size: SIDE, version: 0}
    this.shown = new ImageData(new Uint8ClampedArray(fine), SIDE)
  }

  // the layers that are seen, bottom first, inside a box
  apply(layers, [x0, y0, x1, y1] = WHOLE) {
    const {albedo, found} = this
    const ratio = this.ratio.data
    const shown = this.shown.data
    for (let y = y0; y < y1; y++) {
      const [start, end] = [3 * (y * SIDE + x0), 3 * (y * SIDE + x1)]
      albedo.set(found.subarray(start, end), start)
    }
    const seen = layers.filter(o => o.visible && o.opacity > 0)
    for (const o of seen) this.add(o, x0, y0, x1, y1)
    this.beyond = this.toneBeyond(seen)
    for (let y = y0; y < y1; y++) {
      for (let x = x0, p = y * SIDE + x0; x < x1; x++, p++) {
        for (let c = 0; c < 3; c++) {
          const i = 3 * p + c
          const v = clamp(albedo[i], FLOOR, 1)
          ratio[i] = v / found[i]
          albedo[i] = v
          shown[4 * p + c] = 255 * toSrgb(v)
        }
      }
    }
    this.ratio = {...this.ratio, version: {}}
  }

  // one layer on the albedo below it
  add({kind, opacity, blend, colour, under, tone, pixels}, x0, y0, x1, y1) {
    const {albedo, heal} = this
    const fixed = colour && rgb(colour).map(v => DECODE[v])
    const grey = colour || kind === "tone" || kind === "heal"
    const [Yr, Yg, Yb] = LUMINANCE
    const level = under ?? this.level
    const rate = tone && this.density(...tone)
    for (let y = y0; y < y1; y++) {
      for (let x = x0, p = y * SIDE + x0; x < x1; x++, p++) {
        const q = 4 * p
        const a = opacity * (pixels ? (pixels[q + 3] / 255) * (grey ? pixels[q] / 255 : 1) : 1)
        if (a === 0) continue
        const i = 3 * p
        if (kind === "tone") {
          for (let c = 0; c < 3; c++) albedo[i + c] *= Math.exp(-a * rate[c])
          continue
        }
        if (kind === "heal") {
          for (let c = 0; c < 3; c++) albedo[i + c] *= 1 + a * heal[i + c]
          continue
        }
        const Y = (Yr * albedo[i] + Yg * albedo[i + 1] + Yb * albedo[i + 2]) / level
        for (let c = 0; c < 3; c++) {
          const A = albedo[i + c]
          const to = fixed ? fixed[c] : DECODE[pixels[q + c]]
          const B = blend === "multiply" ? A * to : blend === "colour" ? to * Y : to
          albedo[i + c] += a * (B - A)
        }
      }
    }
  }

  // what tones take from the skin of ears, neck and hands, R, G, B; null: nothing
  toneBeyond(layers) {
    const tones = layers.filter(o => o.kind === "tone" && o.beyond)
    if (!tones.length) return null
    const all = tones.map(o => this.density(...o.tone).map(v => o.opacity * v))
    return all.reduce((a, b) => a.map((v, c) => v + b[c]))
  }

  // of the skin's pigments, more or less of each → R, G, B
  density(melanin, haemoglobin) {
    const [lighter, darker, paler, redder] = this.tone.range
    const m = melanin * (melanin < 0 ? lighter : darker)
    const h = haemoglobin * (haemoglobin < 0 ? paler : redder)
    return [0, 1, 2].map(c => this.tone.melanin[c] * m + this.tone.haemoglobin[c] * h)
  }

  // texel → where it lies when the face is unrolled, in crop sides
  flat(x, y) {
    const S = this.size
    const u = clamp(((x + 0.5) * S) / SIDE - 0.5, 0, S - 1)
    const v = clamp(((y + 0.5) * S) / SIDE - 0.5, 0, S - 1)
    const i = Math.min(S - 2, u | 0)
    const j = Math.min(S - 2, v | 0)
    const fu = u - i
    const fv = v - j
    const at = (k, c) => this.unrolled[2 * (j * S + i + k) + c]
    const row = (k, c) => at(k, c) * (1 - fu) + at(k + 1, c) * fu
    return [0, 1].map(c => row(0, c) * (1 - fv) + row(S, c) * fv)
  }

  // a picture laid on the face at (x, y) in crop sides → pixels
  decal(picture, {x, y, size, angle}) {
    const {width, height} = picture
    this.flats ??= Float32Array.from({length: 2 * SIDE * SIDE}, (_, k) => {
      const p = k >> 1
      return this.flat(p % SIDE, (p / SIDE) | 0)[k & 1]
    })
    const out = blank()
    const [ox, oy] = this.flat(x * SIDE - 0.5, y * SIDE - 0.5)
    const cos = Math.cos((angle * Math.PI) / 180)
    const sin = Math.sin((angle * Math.PI) / 180)
    const long = Math.max(width, height)
    const wide = (size * width) / long
    const high = (size * height) / long
    for (let p = 0; p < SIDE * SIDE; p++) {
      const dx = this.flats[2 * p] - ox
      const dy = this.flats[2 * p + 1] - oy
      const u = ((cos * dx + sin * dy) / wide + 0.5) * width - 0.5
      const v = ((cos * dy - sin * dx) / high + 0.5) * height - 0.5
      const outside = u < -0.5 || v < -0.5 || u > width - 0.5 || v > height - 0.5
      if (!outside) sample(picture, u, v, out, 4 * p)
    }
    return out
  }
}

// a picture's colour and alpha between its pixels, written into `out`
function sample({data, width, height}, u, v, out, o) {
  const a = clamp(Math.floor(u), 0, width - 1)
  const b = clamp(Math.floor(v), 0, height - 1)
  const e = clamp(u - a, 0, 1)
  const f = clamp(v - b, 0, 1)
  const right = a + 1 < width ? 4 : 0
  const below = b + 1 < height ? 4 * width : 0
  const k = 4 * (b * width + a)
  const weights = [(1 - e) * (1 - f), e * (1 - f), (1 - e) * f, e * f]
  const at = [k, k + right, k + below, k + below + right]
  const alpha = at.reduce((sum, q, m) => sum + weights[m] * data[q + 3], 0)
  if (alpha === 0) return
  for (let c = 0; c < 3; c++) {
    const colour = at.reduce((sum, q, m) => sum + weights[m] * data[q + 3] * data[q + c], 0)
    out[o + c] = colour / alpha
  }
  out[o + 3] = alpha
}

// ---- strokes

const smooth = t => t * t * (3 - 2 * t)

// A stroke's dab on pixels: colour in, or alpha away; soft 0 (hard edge) .. 1. Within one stroke a
// spot gets no more than one full dab.
export function dab(to, from, cover, [x, y], radius, soft, colour) {
  const corners = [x - radius - 1, y - radius - 1, x + radius + 2, y + radius + 2]
  const [x0, y0, x1, y1] = corners.map(v => clamp(Math.floor(v), 0, SIDE))
  const inner = Math.min(0.98, 1 - soft)
  for (let j = y0; j < y1; j++) {
    for (let i = x0; i < x1; i++) {
      const d = Math.hypot(i - x, j - y) / radius
      const p = j * SIDE + i
      const m = d <= inner ? 1 : d >= 1 ? 0 : smooth((1 - d) / (1 - inner))
      if (m <= cover[p]) continue
      cover[p] = m
      if (colour) lay(to, from, 4 * p, m, colour)
      else to[4 * p + 3] = from[4 * p + 3] * (1 - m)
    }
  }
  return [x0, y0, x1, y1]
}

// a colour over a pixel
function lay(to, from, q, m, colour) {
  const alpha = from[q + 3] / 255
  const a = m + alpha * (1 - m)
  for (let c = 0; c < 3; c++) to[q + c] = (m * colour[c] + alpha * (1 - m) * from[q + c]) / a
  to[q + 3] = 255 * a
}

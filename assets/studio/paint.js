// Layers of paint on the albedo, by the formulas of illures_nb/edit.py, in linear light on the crop's fine grid.
import {DECODE, toLinear, toSrgb} from "./relight.js"
import {LUMINANCE} from "./sh.js"

export const SIDE = 512, WHOLE = [0, 0, SIDE, SIDE]
const LEAST = .003

const clamp = (x, low, high) => Math.min(high, Math.max(low, x))
export const rgb = hex => [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16))
export const hex = rgb => "#" + rgb.map(v => Math.round(v).toString(16).padStart(2, "0")).join("")

let made = 0
export const layer = fields => ({id: ++made, kind: "paint", name: "", visible: true, opacity: 1, blend: "normal", colour: null, under: null, tone: null,
                                 pixels: null, ...fields}) // pixels: SIDE × SIDE × RGBA, never changed once they are in the history
export const blank = () => new Uint8ClampedArray(SIDE*SIDE*4)

function canvas() { return Object.assign(document.createElement("canvas"), {width: SIDE, height: SIDE}) }

export async function picture(url, width, height = width) { // address of a picture → its RGBA pixels at a size
  const image = new Image()
  image.src = url
  await image.decode()
  const to = Object.assign(document.createElement("canvas"), {width: width ?? image.naturalWidth, height: height ?? image.naturalHeight})
  const context = to.getContext("2d", {willReadFrequently: true})
  context.drawImage(image, 0, 0, to.width, to.height)
  return context.getImageData(0, 0, to.width, to.height)
}

export async function fromServer({png, ...fields}) { return layer({...fields, pixels: png && (await picture(png, SIDE)).data}) }

const encoded = new WeakMap() // pixels → data URL
export function forServer({pixels, ...o}) { // without what only the page needs
  const fields = Object.fromEntries(["kind", "name", "visible", "opacity", "blend", "colour", "under", "tone"].map(key => [key, o[key]]))
  if (!pixels) return {...fields, png: null}
  if (!encoded.has(pixels)) {
    const c = canvas()
    c.getContext("2d").putImageData(new ImageData(pixels, SIDE), 0, 0)
    encoded.set(pixels, c.toDataURL("image/png"))
  }
  return {...fields, png: encoded.get(pixels)}
}

// One face's fine albedo and what is painted on it
export class Paint {
  constructor({fine, healed, level, tone, unrolled, size}) { // RGBA pixels of both albedos; luminance and pigments of the skin; (S, S, 2) in crop sides
    const linear = x => Float32Array.from({length: SIDE*SIDE*3}, (_, i) => DECODE[x[4*((i/3) | 0) + i % 3]])
    Object.assign(this, {found: linear(fine), level, tone, unrolled, size})
    this.heal = linear(healed).map((v, i) => v/this.found[i] - 1)
    this.albedo = this.found.slice()
    this.ratio = {data: new Float32Array(this.found.length).fill(1), size: SIDE, version: 0}
    this.shown = new ImageData(new Uint8ClampedArray(fine), SIDE)
  }

  apply(layers, [x0, y0, x1, y1] = WHOLE) { // the layers that are seen, bottom first, inside a box
    const {albedo, found} = this, ratio = this.ratio.data, shown = this.shown.data
    for (let y = y0; y < y1; y++) albedo.set(found.subarray(3*(y*SIDE + x0), 3*(y*SIDE + x1)), 3*(y*SIDE + x0))
    for (const o of layers) if (o.visible && o.opacity > 0) this.add(o, x0, y0, x1, y1)
    for (let y = y0; y < y1; y++) for (let x = x0, p = y*SIDE + x0; x < x1; x++, p++) for (let c = 0; c < 3; c++) {
      const i = 3*p + c, v = clamp(albedo[i], LEAST, 1)
      ratio[i] = v/found[i]
      albedo[i] = v
      shown[4*p + c] = 255*toSrgb(v)
    }
    this.ratio = {...this.ratio, version: {}}
  }

  add({kind, opacity, blend, colour, under, tone, pixels}, x0, y0, x1, y1) {
    const {albedo, heal} = this, fixed = colour && rgb(colour).map(v => DECODE[v]), grey = colour || kind === "tone" || kind === "heal"
    const [Yr, Yg, Yb] = LUMINANCE, C = [0, 0, 0], level = under ?? this.level
    const rate = tone && this.density(...tone)
    for (let y = y0; y < y1; y++) for (let x = x0, p = y*SIDE + x0; x < x1; x++, p++) {
      const q = 4*p, a = opacity*(pixels ? pixels[q + 3]/255*(grey ? pixels[q]/255 : 1) : 1)
      if (a === 0) continue
      const i = 3*p
      if (kind === "tone") { for (let c = 0; c < 3; c++) albedo[i + c] *= Math.exp(-a*rate[c]); continue }
      if (kind === "heal") { for (let c = 0; c < 3; c++) albedo[i + c] *= 1 + a*heal[i + c]; continue }
      const Y = (Yr*albedo[i] + Yg*albedo[i + 1] + Yb*albedo[i + 2])/level
      for (let c = 0; c < 3; c++) {
        const A = albedo[i + c], to = fixed ? fixed[c] : DECODE[pixels[q + c]]
        albedo[i + c] += a*((blend === "multiply" ? A*to : blend === "colour" ? to*Y : to) - A)
      }
    }
  }

  density(melanin, haemoglobin) { // of the skin's pigments, more or less of each → R, G, B
    const {range: [lighter, darker, paler, redder], melanin: M, haemoglobin: H} = this.tone
    return M.map((v, c) => v*melanin*(melanin < 0 ? lighter : darker) + H[c]*haemoglobin*(haemoglobin < 0 ? paler : redder))
  }

  flat(x, y) { // texel → where it lies when the face is unrolled, in crop sides
    const S = this.size, u = clamp((x + .5)*S/SIDE - .5, 0, S - 1), v = clamp((y + .5)*S/SIDE - .5, 0, S - 1)
    const i = Math.min(S - 2, u | 0), j = Math.min(S - 2, v | 0), fu = u - i, fv = v - j
    const at = (k, c) => this.unrolled[2*(j*S + i + k) + c]
    return [0, 1].map(c => (at(0, c)*(1 - fu) + at(1, c)*fu)*(1 - fv) + (at(S, c)*(1 - fu) + at(S + 1, c)*fu)*fv)
  }

  decal({data, width, height}, {x, y, size, angle}) { // a picture laid on the face at (x, y) in crop sides → pixels
    const flat = this.flats ??= Float32Array.from({length: 2*SIDE*SIDE}, (_, k) => this.flat((k >> 1) % SIDE, (k >> 1)/SIDE | 0)[k & 1])
    const out = blank(), [ox, oy] = this.flat(x*SIDE - .5, y*SIDE - .5), c = Math.cos(angle*Math.PI/180), s = Math.sin(angle*Math.PI/180)
    const long = Math.max(width, height), wide = size*width/long, high = size*height/long
    for (let j = 0; j < SIDE; j++) for (let i = 0; i < SIDE; i++) {
      const p = 2*(j*SIDE + i), dx = flat[p] - ox, dy = flat[p + 1] - oy
      const u = ((c*dx + s*dy)/wide + .5)*width - .5, v = ((c*dy - s*dx)/high + .5)*height - .5
      if (u < -.5 || v < -.5 || u > width - .5 || v > height - .5) continue
      const a = clamp(Math.floor(u), 0, width - 1), b = clamp(Math.floor(v), 0, height - 1), e = clamp(u - a, 0, 1), f = clamp(v - b, 0, 1)
      const right = a + 1 < width ? 4 : 0, below = b + 1 < height ? 4*width : 0, k = 4*(b*width + a), w = [(1 - e)*(1 - f), e*(1 - f), (1 - e)*f, e*f]
      const at = [k, k + right, k + below, k + below + right], alpha = at.reduce((t, o, n) => t + w[n]*data[o + 3], 0)
      if (alpha === 0) continue
      const o = 4*(j*SIDE + i)
      for (let n = 0; n < 3; n++) out[o + n] = at.reduce((t, q, m) => t + w[m]*data[q + 3]*data[q + n], 0)/alpha
      out[o + 3] = alpha
    }
    return out
  }
}

// A stroke's dab on pixels: colour in, or alpha away; soft 0 (hard edge) .. 1. Within one stroke a spot gets no more than one full dab.
export function dab(to, from, cover, [x, y], radius, soft, colour) {
  const [x0, y0, x1, y1] = [x - radius - 1, y - radius - 1, x + radius + 2, y + radius + 2].map(v => clamp(Math.floor(v), 0, SIDE))
  for (let j = y0; j < y1; j++) for (let i = x0; i < x1; i++) {
    const d = Math.hypot(i - x, j - y)/radius, inner = Math.min(.98, 1 - soft), p = j*SIDE + i
    const m = d <= inner ? 1 : d >= 1 ? 0 : (t => t*t*(3 - 2*t))((1 - d)/(1 - inner))
    if (m <= cover[p]) continue
    cover[p] = m
    const q = 4*p, alpha = from[q + 3]/255
    if (!colour) { to[q + 3] = from[q + 3]*(1 - m); continue }
    const a = m + alpha*(1 - m)
    for (let c = 0; c < 3; c++) to[q + c] = (m*colour[c] + alpha*(1 - m)*from[q + c])/a
    to[q + 3] = 255*a
  }
  return [x0, y0, x1, y1]
}

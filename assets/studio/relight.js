// A face relit: rendering, offset ratio image, guided upsampling and composite, as
// illures_nb/decompose.py does them. Maps are flat Float32Arrays, rows first, channels last; S is
// the side of the crop.
import {basisMap, shade, LUMINANCE} from "./sh.js"

const [RED, GREEN, BLUE] = LUMINANCE
const OFFSET = 0.02
const MAX_LOG = Math.log(50)
const EPS = 1e-3
const RADIUS = 2

export const toLinear = v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
export const toSrgb = v =>
  v <= 0.0031308 ? 12.92 * Math.max(v, 0) : 1.055 * v ** (1 / 2.4) - 0.055
export const DECODE = Float32Array.from({length: 256}, (_, i) => toLinear(i / 255))
export const ENCODE = Uint8ClampedArray.from({length: 65536}, (_, i) =>
  Math.round(255 * toSrgb(i / 65535)),
)
export const encode = v => ENCODE[v <= 0 ? 0 : v >= 1 ? 65535 : (v * 65535 + 0.5) | 0]

// half of the kernel, from the middle; as long as OpenCV's for floats
function gaussian(sigma) {
  const n = (Math.round(8 * sigma + 1) | 1) >> 1
  const k = Array.from({length: n + 1}, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)))
  const total = 2 * k.reduce((a, b) => a + b, 0) - k[0]
  return k.map(v => v / total)
}

// Both filters work in place, so that a light that moves leaves nothing to be collected: line by
// line, with n values more on both sides
function lines(x, size, channels, n, outside, does) {
  const line = new Float64Array(size + 2 * n)
  for (const [step, other] of [
    [channels, size * channels],
    [size * channels, channels],
  ]) {
    for (let j = 0; j < size; j++) {
      for (let c = 0; c < channels; c++) {
        const start = j * other + c
        for (let i = 0, p = start; i < size; i++, p += step) line[i + n] = x[p]
        for (let i = 0; i < n; i++) {
          line[n - 1 - i] = line[n + outside(i)]
          line[n + size + i] = line[n + size - 1 - outside(i)]
        }
        does(line, start, step)
      }
    }
  }
  return x
}

// border repeated
export function blur(x, size, channels, sigma) {
  const k = gaussian(sigma)
  const n = k.length - 1
  return lines(
    x,
    size,
    channels,
    n,
    () => 0,
    (line, start, step) => {
      for (let i = n, p = start; i < size + n; i++, p += step) {
        let s = k[0] * line[i]
        for (let d = 1; d <= n; d++) s += k[d] * (line[i - d] + line[i + d])
        x[p] = s
      }
    },
  )
}

// mean over 5×5, border mirrored
function box(x, size, channels) {
  const width = 2 * RADIUS + 1
  return lines(
    x,
    size,
    channels,
    RADIUS,
    i => i,
    (line, start, step) => {
      let s = 0
      for (let i = 0; i < width - 1; i++) s += line[i]
      for (let i = 0, p = start; i < size; i++, p += step) {
        s += line[i + width - 1]
        x[p] = s / width
        s -= line[i]
      }
    },
  )
}

// an eighth of the work: means over 2×2, blurred and read bilinearly; both blur a little themselves
function wideBlur(x, size, channels, sigma) {
  const n = size >> 1
  const row = size * channels
  const half = new Float32Array(n * n * channels)
  for (let y = 0, o = 0; y < n; y++) {
    for (let u = 0; u < n; u++) {
      for (let c = 0; c < channels; c++, o++) {
        const i = 2 * y * row + 2 * u * channels + c
        half[o] = (x[i] + x[i + channels] + x[i + row] + x[i + row + channels]) / 4
      }
    }
  }
  blur(half, n, channels, Math.sqrt(sigma * sigma - 0.9) / 2)
  // the next nearest, a third as near
  const other = i => Math.min(n - 1, Math.max(0, (i >> 1) + (i & 1 ? 1 : -1)))
  for (let y = 0, o = 0; y < size; y++) {
    for (let u = 0; u < size; u++) {
      const a = (y >> 1) * n
      const b = other(y) * n
      const d = u >> 1
      const e = other(u)
      const [ad, ae, bd, be] = [a + d, a + e, b + d, b + e]
      for (let c = 0; c < channels; c++, o++) {
        x[o] =
          (9 * half[channels * ad + c] +
            3 * (half[channels * ae + c] + half[channels * bd + c]) +
            half[channels * be + c]) /
          16
      }
    }
  }
  return x
}

// What stays the same while a face is relit
export class Maps {
  constructor({size, albedo, normals, residual, mask, guide, light}) {
    Object.assign(this, {
      size,
      albedo,
      normals,
      residual,
      mask,
      guide,
      light,
      basis: basisMap(normals),
    })
    const P = size * size
    this.shading = new Float32Array(3 * P)
    this.own = this.render(light, albedo, 1).slice()
    this.ownLog = this.own.map(v => Math.log(Math.max(v, 0) + OFFSET))
    this.ownGreyLog = new Float32Array(P).map((_, p) => Math.log(luminance(this.own, p) + OFFSET))
    this.nearMask = wideBlur(mask.slice(), size, 1, size / 24)
    this.gain = new Float32Array(3 * P) // these two are written anew for every light
    this.other = new Float32Array(3 * P)
    this.meanGuide = box(guide.slice(), size, 1)
    const square = box(
      guide.map(v => v * v),
      size,
      1,
    )
    this.inverse = square.map((v, p) => 1 / (Math.max(v - this.meanGuide[p] ** 2, 0) + EPS))
  }

  // (S, S, 3) linear: albedo · shading + residual
  render(light, albedo, residual) {
    const out = (this.rendering ??= new Float32Array(albedo.length))
    const f = shade(this.basis, light, this.shading)
    for (let i = 0; i < out.length; i++) out[i] = albedo[i] * f[i] + residual * this.residual[i]
    return out
  }

  // logarithm of the offset ratio image, continued beyond the mask
  logGain(rendering) {
    const P = this.size ** 2
    const {gain, other: masked} = this
    for (let p = 0, i = 0; p < P; p++) {
      const Y = luminance(rendering, p)
      const t = Y / (Y + OFFSET)
      const grey = (1 - t) * (Math.log(Y + OFFSET) - this.ownGreyLog[p])
      for (const end = i + 3; i < end; i++) {
        const g = t * (Math.log(Math.max(rendering[i], 0) + OFFSET) - this.ownLog[i]) + grey
        gain[i] = Math.min(MAX_LOG, Math.max(-MAX_LOG, g))
        masked[i] = gain[i] * this.mask[p]
      }
    }
    const near = wideBlur(masked, this.size, 3, this.size / 24)
    for (let p = 0, i = 0; p < P; p++) {
      const m = this.mask[p]
      const k = (1 - m) / (this.nearMask[p] + 1e-4)
      for (const end = i + 3; i < end; i++) gain[i] = m * gain[i] + k * near[i]
    }
    return gain
  }

  // guided filter: slope and offset, gain ≈ slope·grey + offset, in the place of `gain`
  fit(gain) {
    const S = this.size
    const P = S * S
    const {guide, meanGuide, inverse, other: slope} = this
    const mean = gain
    for (let p = 0, i = 0; p < P; p++) {
      for (const end = i + 3; i < end; i++) slope[i] = guide[p] * gain[i]
    }
    box(mean, S, 3)
    box(slope, S, 3)
    for (let p = 0, i = 0; p < P; p++) {
      for (const end = i + 3; i < end; i++) {
        slope[i] = (slope[i] - meanGuide[p] * mean[i]) * inverse[p]
        mean[i] -= slope[i] * meanGuide[p]
      }
    }
    return [box(slope, S, 3), box(mean, S, 3)]
  }
}

function luminance(x, p) {
  return (
    RED * Math.max(x[3 * p], 0) +
    GREEN * Math.max(x[3 * p + 1], 0) +
    BLUE * Math.max(x[3 * p + 2], 0)
  )
}

// A face relit: rendering, offset ratio image, guided upsampling and composite, as illures_nb/decompose.py does them.
// Maps are flat Float32Arrays, rows first, channels last; S is the side of the crop.
import {basisMap, shade, LUMINANCE} from "./sh.js"

const OFFSET = .02, MAX_LOG = Math.log(50), EPS = 1e-3, RADIUS = 2

export const toLinear = v => v <= .04045 ? v/12.92 : ((v + .055)/1.055)**2.4
export const toSrgb = v => v <= .0031308 ? 12.92*Math.max(v, 0) : 1.055*v**(1/2.4) - .055
export const DECODE = Float32Array.from({length: 256}, (_, i) => toLinear(i/255))
export const ENCODE = Uint8ClampedArray.from({length: 65536}, (_, i) => Math.round(255*toSrgb(i/65535)))
export const encode = v => ENCODE[v <= 0 ? 0 : v >= 1 ? 65535 : (v*65535 + .5) | 0]

function gaussian(sigma) { // half of the kernel, from the middle; as long as OpenCV's for floats
  const n = (Math.round(8*sigma + 1) | 1) >> 1, k = Array.from({length: n + 1}, (_, i) => Math.exp(-i*i/(2*sigma*sigma)))
  const total = 2*k.reduce((a, b) => a + b, 0) - k[0]
  return k.map(v => v/total)
}

export function blur(x, size, channels, sigma) { // border repeated
  const k = gaussian(sigma), n = k.length - 1, rows = new Float32Array(x.length), out = new Float32Array(x.length)
  const pass = (from, to, step, other) => { // along the axis whose neighbours are `step` apart
    const line = new Float64Array(size + 2*n)
    for (let j = 0; j < size; j++) for (let c = 0; c < channels; c++) {
      const start = j*other + c
      for (let i = -n; i < size + n; i++) line[i + n] = from[start + Math.min(size - 1, Math.max(0, i))*step]
      for (let i = 0; i < size; i++) {
        let s = k[0]*line[i + n]
        for (let d = 1; d <= n; d++) s += k[d]*(line[i + n - d] + line[i + n + d])
        to[start + i*step] = s
      }
    }
  }
  pass(x, rows, channels, size*channels)
  pass(rows, out, size*channels, channels)
  return out
}

function box(x, size, channels) { // mean over 5×5, border mirrored
  const rows = new Float32Array(x.length), out = new Float32Array(x.length), width = 2*RADIUS + 1
  const mirrored = Int32Array.from({length: size + 2*RADIUS}, (_, i) => (i -= RADIUS, i < 0 ? -1 - i : i >= size ? 2*size - 1 - i : i))
  const pass = (from, to, step, other) => {
    for (let j = 0; j < size; j++) for (let c = 0; c < channels; c++) {
      const start = j*other + c
      let s = 0
      for (let i = 0; i < width - 1; i++) s += from[start + mirrored[i]*step]
      for (let i = 0; i < size; i++) {
        s += from[start + mirrored[i + width - 1]*step]
        to[start + i*step] = s/width
        s -= from[start + mirrored[i]*step]
      }
    }
  }
  pass(x, rows, channels, size*channels)
  pass(rows, out, size*channels, channels)
  return out
}

// What stays the same while a face is relit
export class Maps {
  constructor({size, albedo, normals, residual, mask, guide, light}) {
    Object.assign(this, {size, albedo, normals, residual, mask, guide, light, basis: basisMap(normals)})
    const P = size*size
    this.shading = new Float32Array(3*P)
    this.own = this.render(light, albedo, 1).slice()
    this.ownLog = this.own.map(v => Math.log(Math.max(v, 0) + OFFSET))
    this.ownGreyLog = new Float32Array(P).map((_, p) => Math.log(luminance(this.own, p) + OFFSET))
    this.nearMask = blur(mask, size, 1, size/24)
    this.meanGuide = box(guide, size, 1)
    const square = box(guide.map(v => v*v), size, 1)
    this.inverse = square.map((v, p) => 1/(Math.max(v - this.meanGuide[p]**2, 0) + EPS))
  }

  render(light, albedo, residual) { // (S, S, 3) linear: albedo · shading + residual
    const out = this.rendering ??= new Float32Array(albedo.length), f = shade(this.basis, light, this.shading)
    for (let i = 0; i < out.length; i++) out[i] = albedo[i]*f[i] + residual*this.residual[i]
    return out
  }

  logGain(rendering) { // logarithm of the offset ratio image, continued beyond the mask
    const P = this.size**2, gain = new Float32Array(3*P), masked = new Float32Array(3*P)
    for (let p = 0, i = 0; p < P; p++) {
      const Y = luminance(rendering, p), t = Y/(Y + OFFSET), grey = (1 - t)*(Math.log(Y + OFFSET) - this.ownGreyLog[p])
      for (const end = i + 3; i < end; i++) {
        const g = t*(Math.log(Math.max(rendering[i], 0) + OFFSET) - this.ownLog[i]) + grey
        gain[i] = Math.min(MAX_LOG, Math.max(-MAX_LOG, g))
        masked[i] = gain[i]*this.mask[p]
      }
    }
    const near = blur(masked, this.size, 3, this.size/24)
    for (let p = 0, i = 0; p < P; p++) {
      const m = this.mask[p], k = (1 - m)/(this.nearMask[p] + 1e-4)
      for (const end = i + 3; i < end; i++) gain[i] = m*gain[i] + k*near[i]
    }
    return gain
  }

  lines(gain) { // guided filter: slope and offset, gain ≈ slope·grey + offset
    const S = this.size, P = S*S, {guide, meanGuide, inverse} = this, weighted = new Float32Array(3*P)
    for (let p = 0, i = 0; p < P; p++) for (const end = i + 3; i < end; i++) weighted[i] = guide[p]*gain[i]
    const mean = box(gain, S, 3), slope = box(weighted, S, 3)
    for (let p = 0, i = 0; p < P; p++) for (const end = i + 3; i < end; i++) {
      slope[i] = (slope[i] - meanGuide[p]*mean[i])*inverse[p]
      mean[i] -= slope[i]*meanGuide[p]
    }
    return [box(slope, S, 3), box(mean, S, 3)]
  }
}

function luminance(x, p) {
  const [r, g, b] = LUMINANCE
  return r*Math.max(x[3*p], 0) + g*Math.max(x[3*p + 1], 0) + b*Math.max(x[3*p + 2], 0)
}

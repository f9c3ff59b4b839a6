// sRGB and linear light, by tables where bytes are read and written.
import {LUMINANCE} from "./sh.js"

const [RED, GREEN, BLUE] = LUMINANCE

export const toLinear = v => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
export const toSrgb = v =>
  v <= 0.0031308 ? 12.92 * Math.max(v, 0) : 1.055 * v ** (1 / 2.4) - 0.055
export const DECODE = Float32Array.from({length: 256}, (_, i) => toLinear(i / 255))
export const ENCODE = Uint8ClampedArray.from({length: 65536}, (_, i) =>
  Math.round(255 * toSrgb(i / 65535)),
)
export const encode = v => ENCODE[v <= 0 ? 0 : v >= 1 ? 65535 : (v * 65535 + 0.5) | 0]

// of pixel p, what is negative taken for 0
export function luminance(x, p) {
  const i = 3 * p
  return RED * Math.max(x[i], 0) + GREEN * Math.max(x[i + 1], 0) + BLUE * Math.max(x[i + 2], 0)
}

// (P·3) → (P) as OpenCV weighs the channels
export function greyOf(rgb) {
  const grey = new Float32Array(rgb.length / 3)
  for (let p = 0, i = 0; p < grey.length; p++, i += 3) {
    grey[p] = 0.299 * rgb[i] + 0.587 * rgb[i + 1] + 0.114 * rgb[i + 2]
  }
  return grey
}

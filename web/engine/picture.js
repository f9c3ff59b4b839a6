// Pictures as flat arrays, resized, warped and padded as OpenCV does it for the package: {width,
// height, channels, data}, rows first. Of each pixel's numbers, of which there may be more (the
// alpha of a canvas), the first `channels` count. Pixel centres are at whole numbers.
import {inverse, scaleOf, then} from "../studio/affine.js"

export function picture(width, height, channels, data) {
  return {width, height, channels, data}
}

// numbers of a pixel, counted ones and others
export const strideOf = ({width, height, data}) => data.length / (width * height)

export const empty = (width, height, channels, Kind = Float32Array) =>
  picture(width, height, channels, new Kind(width * height * channels))

// ---- resizing, one side after the other

// what each of n new pixels takes of the old ones along a side: {count, index, weight}
function taps(n, count, place) {
  const table = {count, index: new Int32Array(n * count), weight: new Float64Array(n * count)}
  for (let o = 0; o < n; o++) {
    place(o).forEach(([index, weight], k) => {
      table.index[o * count + k] = index
      table.weight[o * count + k] = weight
    })
  }
  return table
}

const within = (i, n) => Math.min(n - 1, Math.max(0, i))

// averages over what a new pixel covers
function areas(from, to) {
  const scale = from / to
  return taps(to, Math.ceil(scale) + 2, o => {
    const [start, end] = [o * scale, Math.min(from, (o + 1) * scale)]
    const found = []
    for (let i = Math.floor(start); i < end; i++) {
      const share = (Math.min(i + 1, end) - Math.max(i, start)) / (end - start)
      if (share > 1e-9) found.push([i, share])
    }
    return found
  })
}

// OpenCV's way to enlarge by areas: pixels stay flat, but for their borders
function flat(from, to) {
  const scale = from / to
  return taps(to, 2, o => {
    const i = Math.floor(o * scale)
    const beyond = o + 1 - (i + 1) / scale
    const share = beyond <= 0 ? 0 : beyond - Math.floor(beyond)
    return [
      [within(i, from), 1 - share],
      [within(i + 1, from), share],
    ]
  })
}

export const byArea = (from, to) => (to <= from ? areas(from, to) : flat(from, to))

const SHARPNESS = -0.75 // of OpenCV's cubic curve

function cubicWeight(distance) {
  const [x, a] = [Math.abs(distance), SHARPNESS]
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}

export function byCubic(from, to) {
  return taps(to, 4, o => {
    const place = ((o + 0.5) * from) / to - 0.5
    const first = Math.floor(place) - 1
    const four = [first, first + 1, first + 2, first + 3]
    return four.map(i => [within(i, from), cubicWeight(place - i)])
  })
}

export function byLines(from, to) {
  return taps(to, 2, o => {
    const place = within(((o + 0.5) * from) / to - 0.5, from)
    const [low, share] = [Math.floor(place), place - Math.floor(place)]
    return [
      [low, 1 - share],
      [within(low + 1, from), share],
    ]
  })
}

export function resized(x, width, height, how) {
  const {channels, data} = x
  const stride = strideOf(x)
  const across = how(x.width, width)
  const narrow = empty(width, x.height, channels)
  for (let y = 0, o = 0; y < x.height; y++) {
    const row = y * x.width * stride
    for (let u = 0; u < width; u++, o += channels) {
      for (let k = u * across.count; k < (u + 1) * across.count; k++) {
        const weight = across.weight[k]
        if (weight === 0) continue
        const p = row + across.index[k] * stride
        for (let c = 0; c < channels; c++) narrow.data[o + c] += weight * data[p + c]
      }
    }
  }
  return shortened(narrow, height, how, data.constructor)
}

function shortened({width, channels, data, ...x}, height, how, Kind) {
  const down = how(x.height, height)
  const out = empty(width, height, channels, Kind)
  const row = width * channels
  const sum = new Float64Array(row)
  for (let y = 0; y < height; y++) {
    sum.fill(0)
    for (let k = y * down.count; k < (y + 1) * down.count; k++) {
      const weight = down.weight[k]
      if (weight === 0) continue
      const start = down.index[k] * row
      for (let i = 0; i < row; i++) sum[i] += weight * data[start + i]
    }
    out.data.set(sum, y * row)
  }
  return out
}

// ---- moving

// A picture moved by M (its px → new px), between its pixels; beyond it its border goes on, or
// what is given. `Kind` of the new one's numbers: whole ones are rounded.
export function warped(x, M, width, height, beyond = null, Kind = x.data.constructor) {
  const [[a, b, c], [d, e, f]] = inverse(M)
  const {channels} = x
  const out = empty(width, height, channels, Kind)
  const place = new Place(x, beyond)
  for (let y = 0, o = 0; y < height; y++) {
    for (let u = 0; u < width; u++, o += channels) {
      place.go(a * u + b * y + c, d * u + e * y + f)
      for (let n = 0; n < channels; n++) out.data[o + n] = place.value(n)
    }
  }
  return out
}

// A place between the pixels of a picture
class Place {
  constructor(x, beyond) {
    this.x = x
    this.stride = strideOf(x)
    this.beyond = beyond
  }

  go(left, top) {
    const {stride} = this
    const {width, height} = this.x
    const i = Math.floor(left)
    const j = Math.floor(top)
    const right = left - i
    const down = top - j
    this.w00 = (1 - right) * (1 - down)
    this.w10 = right * (1 - down)
    this.w01 = (1 - right) * down
    this.w11 = right * down
    this.isInside = i >= 0 && j >= 0 && i < width - 1 && j < height - 1
    const row = within(j, height) * width
    const next = within(j + 1, height) * width
    const first = within(i, width)
    const second = within(i + 1, width)
    this.p00 = (row + first) * stride
    this.p10 = (row + second) * stride
    this.p01 = (next + first) * stride
    this.p11 = (next + second) * stride
    if (!this.isInside && this.beyond) this.fade(i, j)
  }

  // corners beyond the picture are none of its pixels
  fade(i, j) {
    const {width, height} = this.x
    const left = i >= 0 && i < width
    const right = i + 1 >= 0 && i + 1 < width
    const above = j >= 0 && j < height
    const below = j + 1 >= 0 && j + 1 < height
    if (!left || !above) this.w00 = 0
    if (!right || !above) this.w10 = 0
    if (!left || !below) this.w01 = 0
    if (!right || !below) this.w11 = 0
  }

  // of one channel
  value(n) {
    const {data} = this.x
    const {w00, w10, w01, w11, beyond} = this
    const seen =
      w00 * data[this.p00 + n] +
      w10 * data[this.p10 + n] +
      w01 * data[this.p01 + n] +
      w11 * data[this.p11 + n]
    if (this.isInside || !beyond) return seen
    return seen + (1 - w00 - w10 - w01 - w11) * beyond[n]
  }
}

// The square of a face, as `crop` of illures_nb/crop.py: one bigger than it is averaged down
export function crop(x, M, size, Kind = x.data.constructor) {
  const samples = Math.min(16, Math.max(1, Math.ceil(1 / scaleOf(M) - 0.25)))
  if (samples === 1) return warped(x, M, size, size, null, Kind)
  const middle = (samples - 1) / 2
  const finer = [
    [samples, 0, middle],
    [0, samples, middle],
  ]
  const side = samples * size
  return resized(warped(x, then(M, finer), side, side, null, Kind), size, size, byArea)
}

// a part of a picture, from a corner to one behind it; `beyond` where there is none
export function cutOut(x, [x0, y0, x1, y1], beyond = 0) {
  const {channels, data} = x
  const stride = strideOf(x)
  const out = empty(x1 - x0, y1 - y0, channels, data.constructor)
  if (beyond) out.data.fill(beyond)
  for (let y = Math.max(y0, 0); y < Math.min(y1, x.height); y++) {
    for (let u = Math.max(x0, 0); u < Math.min(x1, x.width); u++) {
      const p = (y * x.width + u) * stride
      const o = ((y - y0) * out.width + u - x0) * channels
      for (let c = 0; c < channels; c++) out.data[o + c] = data[p + c]
    }
  }
  return out
}

// ---- as a network wants it

// (H, W, C) → (C, H, W), perhaps mirrored, written at a place of a batch
export function planes({width, height, channels, data}, out, start, {mirror = false, scale = 1}) {
  const area = width * height
  for (let y = 0, p = 0; y < height; y++) {
    for (let u = 0; u < width; u++, p += channels) {
      const o = start + y * width + (mirror ? width - 1 - u : u)
      for (let c = 0; c < channels; c++) out[o + c * area] = scale * data[p + c]
    }
  }
}

// the inverse, of one picture of a batch
export function interleaved(data, start, size, channels) {
  const area = size * size
  const out = new Float32Array(area * channels)
  for (let p = 0; p < area; p++) {
    for (let c = 0; c < channels; c++) out[p * channels + c] = data[start + c * area + p]
  }
  return out
}

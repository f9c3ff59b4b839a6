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
  const {count, index, weight} = how(x.width, width)
  const narrow = empty(width, x.height, channels)
  const row = width * channels
  for (let y = 0; y < x.height; y++) {
    const start = y * x.width * stride
    for (let c = 0; c < channels; c++) {
      for (let u = 0, k = 0, o = y * row + c; u < width; u++, o += channels) {
        let sum = 0
        for (const end = k + count; k < end; k++) {
          sum += weight[k] * data[start + index[k] * stride + c]
        }
        narrow.data[o] = sum
      }
    }
  }
  return shortened(narrow, height, how, data.constructor)
}

function shortened({width, channels, data, ...x}, height, how, Kind) {
  const {count, index, weight} = how(x.height, height)
  const out = empty(width, height, channels, Kind)
  const row = width * channels
  const sum = new Float32Array(row)
  for (let y = 0; y < height; y++) {
    sum.fill(0)
    for (let k = y * count; k < (y + 1) * count; k++) {
      const share = weight[k]
      if (share === 0) continue
      const start = index[k] * row
      for (let i = 0; i < row; i++) sum[i] += share * data[start + i]
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
  const {channels, data} = x
  const stride = strideOf(x)
  const out = empty(width, height, channels, Kind)
  const to = out.data
  for (let y = 0, o = 0; y < height; y++) {
    for (let u = 0; u < width; u++, o += channels) {
      const left = a * u + b * y + c
      const top = d * u + e * y + f
      const i = Math.floor(left)
      const j = Math.floor(top)
      const right = left - i
      const down = top - j
      if (i < 0 || j < 0 || i >= x.width - 1 || j >= x.height - 1) {
        for (let n = 0; n < channels; n++) to[o + n] = atBorder(x, left, top, n, beyond)
        continue
      }
      const p = (j * x.width + i) * stride
      const q = p + x.width * stride
      for (let n = 0; n < channels; n++) {
        const above = data[p + n] + right * (data[p + stride + n] - data[p + n])
        const below = data[q + n] + right * (data[q + stride + n] - data[q + n])
        to[o + n] = above + down * (below - above)
      }
    }
  }
  return out
}

// one channel of a picture at a place at its border or beyond
function atBorder(x, left, top, n, beyond) {
  const {width, height, data} = x
  const stride = strideOf(x)
  const [i, j] = [Math.floor(left), Math.floor(top)]
  const [right, down] = [left - i, top - j]
  const pixel = (u, v) => {
    const isInside = u >= 0 && v >= 0 && u < width && v < height
    if (!isInside && beyond) return beyond[n]
    return data[(within(v, height) * width + within(u, width)) * stride + n]
  }
  const above = pixel(i, j) * (1 - right) + pixel(i + 1, j) * right
  return above * (1 - down) + (pixel(i, j + 1) * (1 - right) + pixel(i + 1, j + 1) * right) * down
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

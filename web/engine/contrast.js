// Shadows lifted and local contrast evened out, as `evened` of illures_nb/detect.py: OpenCV's
// adaptive histograms on the brightness, whose two colours stay.
import {empty} from "./picture.js"

const LIFT = 0.6 // exponent
const TILES = 4 // a side
const CLIP = 4 // times the mean of a histogram

const whole = v => Math.min(255, Math.max(0, Math.round(v)))

// each tile's curve of levels
function curveOf(histogram, area) {
  const most = Math.max(1, Math.floor((CLIP * area) / 256))
  let cut = 0
  for (let v = 0; v < 256; v++) {
    cut += Math.max(0, histogram[v] - most)
    histogram[v] = Math.min(histogram[v], most)
  }
  const each = Math.floor(cut / 256)
  const left = cut - 256 * each
  const step = left ? Math.max(1, Math.floor(256 / left)) : 256
  for (let v = 0; v < 256; v++) histogram[v] += each
  for (let v = 0, k = 0; v < 256 && k < left; v += step, k++) histogram[v]++
  let sum = 0
  return Uint8Array.from(histogram, count => {
    sum += count
    return whole((sum * 255) / area)
  })
}

// of a grid of tiles over levels whose border is mirrored to fill the last ones
function curves(levels, width, height) {
  const [across, down] = [width, height].map(n => Math.ceil(n / TILES))
  const mirrored = (i, n) => (i < n ? i : Math.max(0, 2 * (n - 1) - i))
  return Array.from({length: TILES * TILES}, (_, k) => {
    const [left, top] = [(k % TILES) * across, Math.floor(k / TILES) * down]
    const histogram = new Int32Array(256)
    for (let y = top; y < top + down; y++) {
      for (let x = left; x < left + across; x++) {
        histogram[levels[mirrored(y, height) * width + mirrored(x, width)]]++
      }
    }
    return curveOf(histogram, across * down)
  })
}

// between the curves of the nearest tiles
function equalised(levels, width, height) {
  const found = curves(levels, width, height)
  const side = n => Math.ceil(n / TILES)
  const near = (i, n) => {
    const place = i / side(n) - 0.5
    const low = Math.floor(place)
    const within = v => Math.min(TILES - 1, Math.max(0, v))
    return [within(low), within(low + 1), place - low]
  }
  return levels.map((v, p) => {
    const [left, right, u] = near(p % width, width)
    const [top, bottom, w] = near(Math.floor(p / width), height)
    const at = (row, column) => found[row * TILES + column][v]
    const above = at(top, left) * (1 - u) + at(top, right) * u
    const below = at(bottom, left) * (1 - u) + at(bottom, right) * u
    return whole(above * (1 - w) + below * w)
  })
}

export function evened(picture) {
  const {width, height, data} = picture
  const out = empty(width, height, 3, data.constructor)
  const Y = Uint8Array.from({length: width * height}, (_, p) =>
    whole(0.299 * data[3 * p] + 0.587 * data[3 * p + 1] + 0.114 * data[3 * p + 2]),
  )
  const lifted = Y.map(v => 255 * (v / 255) ** LIFT)
  equalised(lifted, width, height).forEach((v, p) => {
    const red = (data[3 * p] - Y[p]) * 0.713
    const blue = (data[3 * p + 2] - Y[p]) * 0.564
    out.data[3 * p] = v + 1.403 * red
    out.data[3 * p + 1] = v - 0.714 * red - 0.344 * blue
    out.data[3 * p + 2] = v + 1.773 * blue
  })
  return out
}

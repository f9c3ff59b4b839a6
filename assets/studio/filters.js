// Blurs and the guided filter on square maps: flat Float32Arrays, rows first, channels last. They
// work in place, so that a light that moves leaves nothing to be collected.

const RADIUS = 2 // of the guided filter's windows

// half of the kernel, from the middle; as long as OpenCV's for floats
function gaussian(sigma) {
  const n = (Math.round(8 * sigma + 1) | 1) >> 1
  const k = Array.from({length: n + 1}, (_, i) => Math.exp((-i * i) / (2 * sigma * sigma)))
  const total = 2 * k.reduce((a, b) => a + b, 0) - k[0]
  return k.map(v => v / total)
}

// border repeated; line by line
export function blur(x, size, channels, sigma) {
  const k = gaussian(sigma)
  const n = k.length - 1
  const line = new Float64Array(size + 2 * n)
  const row = size * channels
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < size; y++) blurLine(x, y * row + c, channels, size, k, line)
    for (let u = 0; u < size; u++) blurLine(x, u * channels + c, row, size, k, line)
  }
  return x
}

function blurLine(x, start, step, size, k, line) {
  const n = k.length - 1
  for (let i = 0, p = start; i < size; i++, p += step) line[i + n] = x[p]
  line.fill(line[n], 0, n)
  line.fill(line[size + n - 1], size + n)
  for (let i = n, p = start; i < size + n; i++, p += step) {
    let sum = k[0] * line[i]
    for (let d = 1; d <= n; d++) sum += k[d] * (line[i - d] + line[i + d])
    x[p] = sum
  }
}

let sums = new Float32Array(0) // of five neighbours across, written anew by every mean

// mean over 5×5, border mirrored
function box(x, size, channels) {
  const row = size * channels
  if (sums.length < row * size) sums = new Float32Array(row * size)
  const mirrored = i => (i < 0 ? -1 - i : i >= size ? 2 * size - 1 - i : i)
  const [one, two] = [channels, 2 * channels]
  for (let y = 0, p = 0; y < size; y++) {
    const start = y * row
    const at = (u, c) => x[start + mirrored(u) * channels + c]
    const edge = (u, c) => at(u - 2, c) + at(u - 1, c) + at(u, c) + at(u + 1, c) + at(u + 2, c)
    for (let u = 0; u < 2; u++) for (let c = 0; c < channels; c++) sums[p++] = edge(u, c)
    for (const end = start + row - two; p < end; p++) {
      sums[p] = x[p - two] + x[p - one] + x[p] + x[p + one] + x[p + two]
    }
    for (let u = size - 2; u < size; u++) {
      for (let c = 0; c < channels; c++) sums[p++] = edge(u, c)
    }
  }
  for (let y = 0, p = 0; y < size; y++) {
    const [a, b, c, d] = [-2, -1, 1, 2].map(k => (mirrored(y + k) - y) * row)
    for (const end = p + row; p < end; p++) {
      x[p] = (sums[p + a] + sums[p + b] + sums[p] + sums[p + c] + sums[p + d]) * 0.04
    }
  }
  return x
}

// an eighth of the work: means over 2×2, blurred and read bilinearly; both blur a little themselves
export function wideBlur(x, size, channels, sigma) {
  const n = size >> 1
  const half = halved(x, size, channels)
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

// Means over 2×2
export function halved(x, size, channels) {
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
  return half
}

// A grey picture along whose edges maps are read between their pixels (He, Sun and Tang 2013);
// edges of less variance than `smooth` do not count
export class Guide {
  constructor(grey, size, smooth = 1e-3) {
    this.grey = grey
    this.size = size
    this.mean = box(grey.slice(), size, 1)
    const squares = grey.map(v => v * v)
    const variance = box(squares, size, 1).map((v, p) => Math.max(v - this.mean[p] ** 2, 0))
    this.inverse = variance.map(v => 1 / (v + smooth))
  }

  // x ≈ slope · grey + offset; x becomes the offset, `slope` is written anew
  lines(x, slope, channels = 3) {
    const {grey, size, mean, inverse} = this
    const P = size * size
    for (let p = 0, i = 0; p < P; p++) {
      for (const end = i + channels; i < end; i++) slope[i] = grey[p] * x[i]
    }
    box(x, size, channels)
    box(slope, size, channels)
    for (let p = 0, i = 0; p < P; p++) {
      for (const end = i + channels; i < end; i++) {
        slope[i] = (slope[i] - mean[p] * x[i]) * inverse[p]
        x[i] -= slope[i] * mean[p]
      }
    }
    return {slope: box(slope, size, channels), offset: box(x, size, channels)}
  }
}

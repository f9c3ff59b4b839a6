// The compositor by plain loops, for pages without WebGL.
import {element} from "./dom.js"
import {DECODE, encode} from "./relight.js"
import {TAU, softly} from "./resample.js"

const PLAIN_SIDE = 400 // a smaller preview keeps the pace

export class Plain {
  constructor(canvas) {
    this.canvas = canvas
    this.context = canvas.getContext("2d", {alpha: false})
    this.known = new WeakMap() // reach of a face → its pixels
    this.shrink = 1 // pixels here of one of the view
  }

  show(image) {
    const {canvas} = this
    this.shrink = Math.min(1, PLAIN_SIDE / Math.max(image.width, image.height))
    canvas.width = Math.round(image.width * this.shrink)
    canvas.height = Math.round(image.height * this.shrink)
    const {width, height} = canvas
    // the picture's own canvas is never read
    const copy = element("canvas", {width, height})
    const small = copy.getContext("2d", {willReadFrequently: true})
    small.imageSmoothingQuality = "high"
    small.drawImage(image, 0, 0, width, height)
    this.photo = small.getImageData(0, 0, width, height)
    this.out = small.createImageData(this.photo)
  }

  draw(faces) {
    const {photo, out} = this
    out.data.set(photo.data)
    for (const face of faces) this.drawFace(out, face)
    this.context.putImageData(out, 0, 0)
  }

  drawFace({data}, face) {
    if (!this.known.has(face.reach)) this.known.set(face.reach, this.pixels(face))
    const {size, slope, offset, shine, ratio} = face
    const {count, place, low, across, down, feather, grey, light, u, v} = this.known.get(face.reach)
    const row = 3 * size
    const {looks, sigma, apart} = softly(this.shrunk(face.M), size, ratio)
    const rgb = [1, 1, 1]
    for (let k = 0; k < count; k++) {
      const fu = across[k]
      const fv = down[k]
      const w00 = (1 - fu) * (1 - fv)
      const w10 = fu * (1 - fv)
      const w01 = (1 - fu) * fv
      const w11 = fu * fv
      const p = low[k]
      const m = feather[k]
      const g = grey[k]
      let gloss = 0
      if (ratio) {
        under(ratio, u[k], v[k], size, looks, sigma * apart, apart, rgb)
        gloss =
          w00 * shine[p] + w10 * shine[p + 1] + w01 * shine[p + size] + w11 * shine[p + size + 1]
      }
      for (let n = 0, j = 3 * p, i = place[k], l = 3 * k; n < 3; n++, i++, j++, l++) {
        const a =
          w00 * slope[j] + w10 * slope[j + 3] + w01 * slope[j + row] + w11 * slope[j + row + 3]
        const b =
          w00 * offset[j] + w10 * offset[j + 3] + w01 * offset[j + row] + w11 * offset[j + row + 3]
        let lit = light[l] + m * (light[l] + TAU) * (Math.exp(a * g + b) - 1)
        if (ratio) lit *= 1 + m * (rgb[n] + (1 - rgb[n]) * gloss - 1)
        data[i] = encode(lit)
      }
    }
  }

  shrunk(M) {
    const k = this.shrink
    return M.map(([u, v, w]) => [u / k, v / k, w + (u + v) * (0.5 / k - 0.5)])
  }

  // those of the face, and all about them that the light does not change
  pixels({M, size, reach, box}) {
    const {data, width, height} = this.photo
    const k = this.shrink
    const [[a, b, c], [d, e, f]] = this.shrunk(M)
    const last = size - 1
    const [x0, y0] = [Math.floor(box[0] * k), Math.floor(box[1] * k)]
    const x1 = Math.min(width, Math.ceil(box[2] * k))
    const y1 = Math.min(height, Math.ceil(box[3] * k))
    const most = (x1 - x0) * (y1 - y0)
    const floats = () => new Float32Array(most)
    const [across, down, feather, grey, us, vs] = Array.from({length: 6}, floats)
    const place = new Int32Array(most)
    const low = new Int32Array(most)
    const light = new Float32Array(3 * most)
    let count = 0
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const u = a * x + b * y + c
        const v = d * x + e * y + f
        const m = at(reach.mask, reach.size, u + reach.margin, v + reach.margin)
        const i = 4 * (y * width + x)
        if (m <= 0.01) continue
        const cu = Math.min(last, Math.max(0, u))
        const cv = Math.min(last, Math.max(0, v))
        const iu = Math.min(size - 2, cu | 0)
        const iv = Math.min(size - 2, cv | 0)
        us[count] = cu
        vs[count] = cv
        across[count] = cu - iu
        down[count] = cv - iv
        low[count] = iv * size + iu
        place[count] = i
        feather[count] = (m - 0.01) / 0.99
        grey[count] = greyOf(data, i)
        for (let n = 0; n < 3; n++) light[3 * count + n] = DECODE[data[i + n]]
        count++
      }
    }
    return {count, place, low, across, down, feather, grey, light, u: us, v: vs}
  }
}

// a pixel's brightness, as OpenCV rounds it
function greyOf(data, i) {
  return ((data[i] * 4899 + data[i + 1] * 9617 + data[i + 2] * 1868 + 8192) >> 14) / 255
}

// bilinear, 0 outside
function at(mask, size, u, v) {
  const i = Math.floor(u)
  const j = Math.floor(v)
  const fu = u - i
  const fv = v - j
  const get = (x, y) => (x < 0 || y < 0 || x >= size || y >= size ? 0 : mask[y * size + x])
  return (
    (get(i, j) * (1 - fu) + get(i + 1, j) * fu) * (1 - fv) +
    (get(i, j + 1) * (1 - fu) + get(i + 1, j + 1) * fu) * fv
  )
}

// the paint under a pixel, from its nearest texels
function under({data, size: T}, u, v, size, looks, step, apart, out) {
  const texel = p => Math.min(T - 1, Math.max(0, Math.round(((p + 0.5) * T) / size - 0.5)))
  let all = 0
  out.fill(0)
  for (let i = -looks; i <= looks; i++) {
    for (let j = -looks; j <= looks; j++) {
      const w = Math.exp(-0.5 * apart * apart * (i * i + j * j))
      const x = texel(u + i * step)
      const y = texel(v + j * step)
      all += w
      for (let n = 0; n < 3; n++) out[n] += w * data[3 * (y * T + x) + n]
    }
  }
  for (let n = 0; n < 3; n++) out[n] /= all
}

// The compositor by plain loops, for pages without WebGL.
import {element} from "./dom.js"
import {DECODE, encode} from "./colour.js"
import {OFFSET, softly} from "./resample.js"

// longer side of the picture, px: while the light moves, and when it rests
const COARSE = 400
const FINE = 640

// log gain → what it adds to a pixel, as a share of it
const FINEST = 1024 // steps a unit
const MOST = 12
const ADDS = Float32Array.from({length: 2 * MOST * FINEST}, (_, i) => Math.expm1(i / FINEST - MOST))
const adds = gain => ADDS[((gain < -MOST ? 0 : gain + MOST) * FINEST + 0.5) | 0]

export class Plain {
  constructor(canvas) {
    this.canvas = canvas
    this.context = canvas.getContext("2d", {alpha: false})
  }

  show(image) {
    this.image = image
    this.putBefore(null)
    this.draw([])
  }

  // {cut, behind}: the people of the picture, cut out, and what they stand before; null: the
  // photo's own background
  putBefore(scene) {
    this.scene = scene
    this.levels = new Map() // longer side → the picture at that size
  }

  level(side) {
    const {width, height} = this.image
    const shown = Math.min(side, Math.max(width, height))
    if (!this.levels.has(shown)) this.levels.set(shown, levelOf(this.image, shown, this.scene))
    return this.levels.get(shown)
  }

  draw(faces) {
    const {canvas, context} = this
    const level = this.level(faces.some(face => face.isCoarse) ? COARSE : FINE)
    const {width, height} = level.photo
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height})
    context.putImageData(level.draw(faces), 0, 0)
  }
}

// The picture at one size
class Level {
  known = new WeakMap() // reach of a face → its pixels

  // `shrink`: pixels here of one of the view
  constructor({photo, cut = null, behind = null}, shrink) {
    Object.assign(this, {photo, cut, behind, shrink})
    this.out = new ImageData(photo.width, photo.height)
  }

  draw(faces) {
    const {photo, cut, out} = this
    out.data.set((cut ?? photo).data)
    for (const face of faces) this.drawFace(out, face)
    if (cut) layBehind(out.data, cut.data, this.behind.data)
    return out
  }

  drawFace({data}, {box, reach, matte, face, person, gloss, ratio, tone}) {
    if (!this.known.has(reach)) this.known.set(reach, this.pixels(box, reach, matte, face.M))
    const pixels = this.known.get(reach)
    const {inner, outer, feather, all} = pixels
    const onFace = new Lines(face, this.shrunk(face.M))
    if (person) new Lines(person, this.shrunk(person.M)).read(pixels, outer, all)
    onFace.read(pixels, inner, person ? feather : all)
    const onSkin = tone && new Lines(tone.skin, this.shrunk(tone.skin.M))
    const beyond = tone && {onSkin, density: tone.density}
    apply(pixels, data, ratio && paintFactor(pixels, onFace, ratio, gloss, beyond))
  }

  shrunk(M) {
    const k = this.shrink
    return M.map(([u, v, w]) => [u / k, v / k, w + (u + v) * (0.5 / k - 0.5)])
  }

  // those of the face and the person, and all about them that the light does not change
  pixels(box, reach, matte, M) {
    const {width, height, data} = this.photo
    const k = this.shrink
    const [x0, y0] = [Math.floor(box[0] * k), Math.floor(box[1] * k)]
    const x1 = Math.min(width, Math.ceil(box[2] * k))
    const y1 = Math.min(height, Math.ceil(box[3] * k))
    const found = new Pixels(Math.max(0, (x1 - x0) * (y1 - y0)))
    const [[a, b, c], [d, e, f]] = this.shrunk(M)
    const onMatte = matte && new Lines(matte, this.shrunk(matte.M))
    for (let y = y0; y < y1; y++) {
      for (let x = x0; x < x1; x++) {
        const i = 4 * (y * width + x)
        const grey = greyOf(data, i)
        const [u, v] = [a * x + b * y + c, d * x + e * y + f]
        const m = at(reach.mask, reach.size, u + reach.margin, v + reach.margin)
        const feather = Math.max(0, m - 0.01) / 0.99
        const sharp = onMatte ? (onMatte.value(x, y, grey) - 0.02) / 0.96 : 0
        const all = onMatte ? Math.min(1, Math.max(0, sharp)) : feather
        const share = this.cut ? Math.min(1, (255 * all) / (this.cut.data[i + 3] || 1)) : all
        if (share > 0) found.add(x, y, i, grey, feather, share)
      }
    }
    return found.sort()
  }
}

function levelOf(image, side, scene) {
  const shrink = side / Math.max(image.width, image.height)
  const size = [image.width, image.height].map(n => Math.round(n * shrink))
  const small = picture => picture && shrunkTo(picture, ...size)
  const {cut, behind} = scene ?? {}
  return new Level({photo: small(image), cut: small(cut), behind: small(behind)}, shrink)
}

// The pixels of a part of the photo at its own size, with faces drawn on them
export const drawnOn = (photo, faces) => new Level({photo}, 1).draw(faces)

// the picture's own canvas is never read
function shrunkTo(image, width, height) {
  const copy = element("canvas", {width, height})
  const small = copy.getContext("2d", {willReadFrequently: true})
  small.imageSmoothingQuality = "high"
  small.drawImage(image, 0, 0, width, height)
  return small.getImageData(0, 0, width, height)
}

// a background under people whose alpha is that of `cut`
function layBehind(data, cut, behind) {
  for (let i = 0; i < data.length; i += 4) {
    const alpha = cut[i + 3] / 255
    data[i + 3] = 255
    if (alpha === 1) continue
    for (let k = i; k < i + 3; k++) {
      const light = alpha * DECODE[data[k]] + (1 - alpha) * DECODE[behind[k]]
      data[k] = encode(light)
    }
  }
}

// Pixels that a light changes: where they are, their brightness, how much of them is the face's,
// and how much changes at all
class Pixels {
  count = 0

  constructor(most) {
    const floats = n => new Float32Array(n)
    this.columns = new Int16Array(most)
    this.rows = new Int16Array(most)
    this.place = new Int32Array(most)
    this.grey = floats(most)
    this.feather = floats(most)
    this.share = floats(most)
    this.all = floats(most).fill(1)
    this.gain = floats(3 * most) // written anew for every light
  }

  add(x, y, i, grey, feather, share) {
    const k = this.count++
    this.columns[k] = x
    this.rows[k] = y
    this.place[k] = i
    this.grey[k] = grey
    this.feather[k] = feather
    this.share[k] = share
  }

  // once all are there: which of them are the face's, and which are not, or not quite
  sort() {
    const numbers = Int32Array.from({length: this.count}, (_, k) => k)
    this.inner = numbers.filter(k => this.feather[k] > 0)
    this.outer = numbers.filter(k => this.feather[k] < 1)
    return this
  }
}

// what the gains, and paint on top of them, make of the picture
function apply({count, place, share, gain}, data, factor) {
  for (let k = 0, j = 0; k < count; k++) {
    const m = share[k]
    for (let i = place[k], end = i + 3; i < end; i++, j++) {
      const light = DECODE[data[i]]
      const lit = light + m * (light + OFFSET) * adds(gain[j])
      data[i] = encode(factor ? lit * factor[j] : lit)
    }
  }
}

// (pixels, 3) what paint multiplies them with beyond the face
function toneFactor({columns, rows, grey, share, count}, {onSkin, density}, factor) {
  for (let k = 0; k < count; k++) {
    const skin = Math.min(1, Math.max(0, onSkin.value(columns[k], rows[k], grey[k])))
    for (let n = 0; n < 3; n++) {
      factor[3 * k + n] = skin > 0 ? 1 + share[k] * Math.expm1(-skin * density[n]) : 1
    }
  }
}

// (pixels, 3) what paint multiplies them with
function paintFactor(pixels, face, ratio, gloss, beyond) {
  const {columns, rows, feather, inner, count} = pixels
  const {looks, sigma, apart} = softly([[face.a], [face.d]], face.size, ratio)
  const factor = (pixels.factor ??= new Float32Array(3 * count))
  if (beyond) toneFactor(pixels, beyond, factor)
  else factor.fill(1)
  const colour = [1, 1, 1]
  for (const k of inner) {
    const {u, v, value: shine} = face.one(gloss, columns[k], rows[k])
    under(ratio, u, v, face.size, looks, sigma * apart, apart, colour)
    for (let n = 0, o = 3 * k; n < 3; n++, o++) {
      factor[o] += feather[k] * (colour[n] + (1 - colour[n]) * shine - factor[o])
    }
  }
  return factor
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

// Lines of a guided map, read at the picture's pixels: slope · grey + offset, bilinear, the border
// goes on
class Lines {
  constructor({size, slope, offset}, M) {
    const [[a, b, c], [d, e, f]] = M
    Object.assign(this, {size, slope, offset, a, b, c, d, e, f})
  }

  // three channels of some pixels, mixed into the gain that is there
  read({columns, rows, grey, gain}, some, shares) {
    const {size, slope, offset, a, b, c, d, e, f} = this
    const last = size - 1
    const row = 3 * size
    for (let s = 0; s < some.length; s++) {
      const k = some[s]
      let u = a * columns[k] + b * rows[k] + c
      let v = d * columns[k] + e * rows[k] + f
      u = u < 0 ? 0 : u > last ? last : u
      v = v < 0 ? 0 : v > last ? last : v
      const i = u < last ? u | 0 : last - 1
      const j = v < last ? v | 0 : last - 1
      const w11 = (u - i) * (v - j)
      const w10 = u - i - w11
      const w01 = v - j - w11
      const w00 = 1 - w10 - w01 - w11
      const y = grey[k]
      const share = shares[k]
      let p = 3 * (j * size + i)
      for (let o = 3 * k, end = o + 3; o < end; o++, p++) {
        const q = p + row
        const x =
          w00 * (y * slope[p] + offset[p]) +
          w10 * (y * slope[p + 3] + offset[p + 3]) +
          w01 * (y * slope[q] + offset[q]) +
          w11 * (y * slope[q + 3] + offset[q + 3])
        gain[o] += (x - gain[o]) * share
      }
    }
  }

  // a map of one channel at a pixel, and where that is
  one(map, x, y) {
    const {size, a, b, c, d, e, f} = this
    const last = size - 1
    const u = Math.min(last, Math.max(0, a * x + b * y + c))
    const v = Math.min(last, Math.max(0, d * x + e * y + f))
    return {u, v, value: at(map, size, u, v)}
  }

  // its only channel at a pixel
  value(x, y, grey) {
    return this.one(this.slope, x, y).value * grey + this.one(this.offset, x, y).value
  }
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

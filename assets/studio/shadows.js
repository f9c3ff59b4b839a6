// The shadows that a person casts, marched through a depth, as `cast_shadow` of
// illures_nb/person.py does it.
import {blur} from "./filters.js"
import {radiusOf} from "./lamps.js"
import {applied} from "./sh.js"

const COVERED = 0.3 // matte from which on a pixel is the person's
const REACH = 0.55 // how far obstacles are looked for, in sides of the face's crop
const STEPS = 40
const SLACK = 0.006 // of the face's crop: how much higher an obstacle must stand
const AWAY = -1e3 // depth where nobody is
const FLATTEST = 0.12 // how little a lamp's direction is taken to lean
const FAINTEST = 0.005 // cover below which nothing of a pixel is the person's
const BESIDE = 3 // px about a person whose shadows count at its edge
const KEPT = 8 // directions whose shadows are remembered

export class Depth {
  known = new Map() // lamp → its shadows

  // depth and cover (N²), upright 3×3: the crop's directions in the photo; faceSide in pixels of
  // the depth
  constructor({size, depth, cover, upright, faceSide}) {
    this.size = size
    this.faceSide = faceSide
    this.upright = upright
    this.margin = Math.ceil((SLACK + REACH) * faceSide) + 2
    this.wide = size + 2 * this.margin
    this.surface = this.padded(depth, cover)
    this.near = this.besides(cover)
    const placed = p => (((p / size) | 0) + this.margin) * this.wide + (p % size) + this.margin
    this.places = this.near.map(placed) // of those on the padded surface
  }

  // pixels of which anything belongs to the person, and those about them: others are never seen
  besides(cover) {
    const {size} = this
    const near = cover.map(v => (v > FAINTEST ? 1 : 0))
    blur(near, size, 1, BESIDE / 2)
    return Int32Array.from(near.keys()).filter(p => near[p] > 1e-3)
  }

  // nobody is beyond the border
  padded(depth, cover) {
    const {size, margin, wide} = this
    const surface = new Float32Array(wide * wide).fill(AWAY)
    for (let y = 0, p = 0; y < size; y++) {
      for (let x = 0; x < size; x++, p++) {
        if (cover[p] > COVERED) surface[(y + margin) * wide + x + margin] = depth[p]
      }
    }
    return surface
  }

  // (N²) in [0, 1]: how much of a lamp is seen
  seen(lamp) {
    const name = [...lamp.direction, lamp.softness].map(v => v.toFixed(4)).join()
    const found = this.known.get(name) ?? this.march(lamp)
    this.known.delete(name)
    this.known.set(name, found)
    if (this.known.size > KEPT) this.known.delete(this.known.keys().next().value)
    return found
  }

  march(lamp) {
    const {size, faceSide, upright} = this
    const columns = [0, 1, 2].map(c => upright.map(row => row[c]))
    const [x, y, z] = applied(columns, lamp.direction)
    const sideways = Math.max(Math.hypot(x, y), FLATTEST)
    const widening = Math.tan(radiusOf(lamp))
    const seen = new Float32Array(size * size).fill(1)
    for (let k = 1; k <= STEPS; k++) {
      const way = ((SLACK + (k / STEPS) ** 1.4 * REACH) * faceSide) / sideways
      this.step(seen, way * x, -way * y, way * z + SLACK * faceSide, 0.5 / (way * widening))
    }
    for (let p = 0; p < seen.length; p++) seen[p] = seen[p] * seen[p] * (3 - 2 * seen[p])
    return blur(seen, size, 1, 0.5)
  }

  // what stands `across` and `down` from here, if it is higher than `rise` above it, hides the lamp
  step(seen, across, down, rise, sharpness) {
    const {near, places, wide, surface} = this
    const [i, j] = [Math.floor(across), Math.floor(down)]
    const [u, v] = [across - i, down - j]
    const [w00, w10, w01, w11] = [(1 - u) * (1 - v), u * (1 - v), (1 - u) * v, u * v]
    const shift = j * wide + i
    for (let k = 0; k < near.length; k++) {
      const p = near[k]
      const before = seen[p]
      if (before === 0) continue
      const q = places[k]
      const o = q + shift
      const passed =
        w00 * surface[o] +
        w10 * surface[o + 1] +
        w01 * surface[o + wide] +
        w11 * surface[o + wide + 1]
      const now = 0.5 + (surface[q] + rise - passed) * sharpness
      if (now < before) seen[p] = now > 0 ? now : 0
    }
  }
}

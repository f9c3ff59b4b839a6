// Lamps with a direction, a colour and a size, and an even fill, as illures_nb/lamps.py. A lamp is
// {direction, colour, softness}: its colour is the shading of a white surface that faces it.
import {applied} from "./sh.js"

const SMALLEST = 0.06 // softness below which shadows grow no sharper
const AROUND = 0.4 // of the light of half the sky is taken for fill
const EVEN = 0.5 // of a lamp's light, spread over everything that a camera sees of a face

const dimmed = (colour, factor) => colour.map((v, c) => v * (factor[c] ?? factor))

export class Lamps {
  constructor(lamps = [], fill = [0, 0, 0]) {
    this.lamps = lamps
    this.fill = fill
  }

  static of({lamps, fill}) {
    return new Lamps(lamps, fill)
  }

  // what they together send to surfaces that face them
  get sent() {
    return [0, 1, 2].map(c => this.lamps.reduce((sum, lamp) => sum + lamp.colour[c], 0))
  }

  plus({lamps, fill}) {
    return new Lamps(
      [...this.lamps, ...lamps],
      this.fill.map((v, c) => v + fill[c]),
    )
  }

  // a number, or R, G, B
  times(factor) {
    const {lamps, fill} = this
    const changed = lamps.map(lamp => ({...lamp, colour: dimmed(lamp.colour, factor)}))
    return new Lamps(changed, dimmed(fill, factor))
  }

  turned(R) {
    const turn = lamp => ({...lamp, direction: applied(R, lamp.direction)})
    return new Lamps(this.lamps.map(turn), this.fill)
  }

  // none smaller than this; what is as large as half the sky reaches nearly every side
  softened(softness) {
    const soften = lamp => ({...lamp, softness: Math.max(lamp.softness, softness)})
    const larger = new Lamps(this.lamps.map(soften), this.fill)
    return larger.contrasted(1 - AROUND * softness ** 2)
  }

  // no side falls below a share of the lamps' light
  filled(share) {
    const {lamps, fill, sent} = this
    return new Lamps(
      lamps,
      fill.map((v, c) => Math.max(v, share * sent[c])),
    )
  }

  // key to fill: 0 even light … 1 as it is … 2 no fill
  contrasted(contrast) {
    const {lamps, fill, sent} = this
    if (contrast > 1) return new Lamps(lamps, dimmed(fill, 2 - contrast))
    const raised = fill.map((v, c) => v + (1 - contrast) * EVEN * sent[c])
    return new Lamps(this.times(contrast).lamps, raised)
  }

  // as files and the server hold them
  get record() {
    return {lamps: this.lamps, fill: this.fill}
  }
}

// how large a lamp looks from the face, radians: as wide as its shadows are soft
export const radiusOf = ({softness}) => (Math.PI / 4) * Math.max(softness, SMALLEST)

// (P·3) normals → (P): the share of a lamp's colour that arrives where nothing is in the way
export function arriving({direction: [x, y, z], softness}, normals, out) {
  const size = Math.max(Math.sin((Math.PI / 2) * softness), 1e-3)
  const share = (Math.max(size - 0.7, 0) / 0.3) ** 5 // half of the sky is no small disc
  for (let p = 0, i = 0; p < out.length; p++, i += 3) {
    const cosine = x * normals[i] + y * normals[i + 1] + z * normals[i + 2]
    const edge = Math.max(cosine + size, 0)
    const disc = cosine > size ? cosine : (edge * edge) / (4 * size)
    out[p] = disc + share * ((1 + cosine) / 2 - disc)
  }
  return out
}

// Shading by lamps that were guessed from nine numbers, (P·3), in its place: the numbers' own
// shading stays for a share, less what cannot be seen of the lamps, as it knows more of sky and room
export function keepSky(share, staged, bare, literal, darkest, exposure = 1) {
  for (let i = 0; i < staged.length; i++) {
    const left = (literal[i] + darkest) * exposure - (bare[i] - staged[i])
    staged[i] += share * (Math.max(left, staged[i] / 2) - staged[i])
  }
}

// what a glossy surface mirrors of lamps, added to (P·3), by Blinn and Phong
export function addHighlights({lamps}, normals, seen, gloss, out) {
  lamps.forEach(({direction: [x, y, z], colour: [r, g, b]}, k) => {
    const length = Math.max(Math.hypot(x, y, z + 1), 1e-6)
    const [hx, hy, hz] = [x / length, y / length, (z + 1) / length]
    const visible = seen[k]
    for (let p = 0, i = 0; i < out.length; p++, i += 3) {
      const facing = x * normals[i] + y * normals[i + 1] + z * normals[i + 2]
      const mirrored = hx * normals[i] + hy * normals[i + 1] + hz * normals[i + 2]
      if (facing <= 0 || mirrored <= 0) continue
      const square = mirrored * mirrored
      const fifth = square * square * mirrored // of a sharpness of ten
      const v = gloss * fifth * fifth * Math.min(1, 4 * facing) * (visible ? visible[p] : 1)
      out[i] += v * r
      out[i + 1] += v * g
      out[i + 2] += v * b
    }
  })
}

// (P·3) normals → (P·3) linear, ≥ 0: a white surface under all of them; `seen` are maps, one a lamp
export function shadeByLamps({lamps, fill}, normals, seen, out, arrives) {
  for (let i = 0; i < out.length; i++) out[i] = fill[i % 3]
  lamps.forEach((lamp, k) => {
    const [r, g, b] = lamp.colour
    const visible = seen[k]
    arriving(lamp, normals, arrives)
    for (let p = 0, i = 0; p < arrives.length; p++, i += 3) {
      const v = visible ? arrives[p] * visible[p] : arrives[p]
      out[i] += v * r
      out[i + 1] += v * g
      out[i + 2] += v * b
    }
  })
  return out
}

// Everything that belongs to a face's owner, on a crop of its own, under another light: as
// illures_nb/person.py and the part of relight.py that speaks of persons. W is the crop's side.
import {inverse, moved} from "./affine.js"
import {DECODE, greyOf, luminance} from "./colour.js"
import {Guide, blur, halved} from "./filters.js"
import {addHighlights, keepSky, shadeByLamps} from "./lamps.js"
import {OFFSET, DARKEST} from "./resample.js"
import {Depth} from "./shadows.js"
import {basisMap, shade} from "./sh.js"

const HAIR_GLOSS = 0.016
const STRAND = 3 // pixels of the crop: what is finer than this is strands
const BRIGHTEST = 2.5 // a strand beside its neighbours
const BLACK = 0.02 // luminance at which half of the highlight is left
const FLOOR = 0.002 // of the sensor
const FAINT = 0.2 // shading below which the photo does not tell a colour
const CLEAR = 1e-4 // variance of grey from which on an edge of the photo is the matte's
const FADE = 0.12 // of the crop's side: how far before its border a change has faded
const TOUCHES = 0.1 // matte from which on a person reaches the border
const THERE = 0.02 // matte from which on a pixel changes

// The maps on one grid: the whole one, or one of half its side while the light moves; `gloss` of
// its pixels
class Grid {
  constructor({size, normals, rgb, own, gloss}) {
    this.size = size
    this.normals = normals
    this.rgb = rgb
    this.gloss = gloss
    this.basis = basisMap(normals)
    this.guide = new Guide(greyOf(rgb), size)
    const shading = shade(this.basis, own).map(v => v + DARKEST)
    const linear = rgb.map(v => DECODE[Math.round(255 * v)])
    this.colours = linear.map((v, i) => v / Math.max(shading[i], FAINT))
    this.ownLog = this.colours.map((v, i) => Math.log(v * shading[i] + OFFSET))
    this.shading = new Float32Array(3 * size * size) // these are written anew for every light
    this.literal = new Float32Array(3 * size * size)
    this.shine = new Float32Array(3 * size * size)
    this.gain = new Float32Array(3 * size * size)
    this.slope = new Float32Array(3 * size * size)
    this.arrives = new Float32Array(size * size)
  }

  // log gain under the light of a `Relit`, as lines along the photo's edges; `seen` one map a lamp
  // on this grid
  lines(relit, seen, strength) {
    const {literal, shading, shine, gain, colours, gloss, ownLog} = this
    const {coeffs, change, guessed} = relit
    if (change < 1 || guessed) shade(this.basis, coeffs, literal)
    if (change > 0) this.stage(relit, seen)
    for (let i = 0; i < gain.length; i++) {
      const bright = gloss[(i / 3) | 0] * shine[i]
      const moves = change > 0 ? change * (colours[i] * shading[i] + bright) : 0
      const stays = change < 1 ? (1 - change) * colours[i] * (literal[i] + DARKEST) : 0
      gain[i] = strength * (Math.log(moves + stays + OFFSET) - ownLog[i])
    }
    return {size: this.size, ...this.guide.lines(gain, this.slope)}
  }

  // shading by lamps, and their highlights
  stage({lamps, guessed, exposure, shines}, seen) {
    const {normals, shading, literal, shine, arrives, slope: bare} = this
    shadeByLamps(lamps, normals, seen, shading, arrives)
    if (guessed) {
      shadeByLamps(lamps, normals, [], bare, arrives)
      keepSky(guessed, shading, bare, literal, DARKEST, exposure)
    }
    shine.fill(0)
    if (shines) addHighlights(lamps, normals, seen, HAIR_GLOSS, shine)
  }
}

export class Person {
  constructor({size, transform, upright, face_side: side, mouth, chin}, maps, own, photoSize) {
    this.size = size
    this.M = transform // photo px → px of this crop
    this.own = own
    this.matte = maps.matte
    const {person_normals: normals, person_crop: rgb, depth} = maps
    const cover = halved(maps.matte, size, 1)
    this.depth = new Depth({size: size >> 1, depth, cover, upright, faceSide: side / 2})
    this.whole = new Grid({size, normals, rgb, own, gloss: glossOf(rgb, size, {mouth, chin})})
    this.matteLines = this.edges(photoSize)
  }

  // for a hand that moves the light
  get coarse() {
    const {size, own, whole} = this
    if (!this.half) {
      const normals = unit(halved(whole.normals, size, 3))
      const [rgb, gloss] = [halved(whole.rgb, size, 3), halved(whole.gloss, size, 1)]
      this.half = new Grid({size: size >> 1, normals, rgb, own, gloss})
    }
    return this.half
  }

  // the matte as lines along the photo's edges, faded out where the photo goes on beyond the crop
  edges(photoSize) {
    const {size, whole} = this
    const fade = fadeOf(this, photoSize)
    const faded = this.matte.map((v, p) => v * fade((p / size) | 0, p % size))
    const guide = new Guide(whole.guide.grey, size, CLEAR)
    return {size, ...guide.lines(faded, new Float32Array(size * size), 1)}
  }

  // where the face's skin is on all of the person, as lines along the photo's edges
  takeSkin(skin) {
    const {size, whole} = this
    const guide = new Guide(whole.guide.grey, size, CLEAR)
    this.skinLines = {size, ...guide.lines(skin, new Float32Array(size * size), 1)}
  }

  // the share of the person at every pixel, 0 where nothing changes
  get covered() {
    return this.matte.map(v => (v > THERE ? 1 : 0))
  }

  // (W²) in [0, 1]: how much of a lamp is seen
  seen(lamp) {
    return doubled(this.depth.seen(lamp), this.size >> 1)
  }

  // log gain under the light of a `Relit`, as lines along the photo's edges
  lines(relit, strength, isCoarse) {
    const {seen} = relit
    const grid = isCoarse ? this.coarse : this.whole
    const onGrid = seen.map(map => map && (isCoarse ? halved(map, this.size, 1) : map))
    return grid.lines(relit, onGrid, strength)
  }
}

function unit(normals) {
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.hypot(normals[i], normals[i + 1], normals[i + 2]) || 1
    for (let c = 0; c < 3; c++) normals[i + c] /= length
  }
  return normals
}

// where head and hair may be, row by row: 1 above the mouth, 0 from the chin down; hair takes
// highlights, clothes do not
// How much of a highlight every pixel takes: head and hair, strand by strand
function glossOf(rgb, size, {mouth, chin}) {
  const linear = rgb.map(v => DECODE[Math.round(255 * v)])
  const light = Float32Array.from({length: size * size}, (_, p) => luminance(linear, p) + FLOOR)
  const around = blur(light.slice(), size, 1, STRAND)
  return light.map((v, p) => {
    const head = (chin - ((p / size) | 0)) / Math.max(chin - mouth, 1)
    const beside = Math.min(v / around[p], BRIGHTEST)
    return (Math.min(1, Math.max(0, head)) * beside ** 2 * v) / (v + BLACK)
  })
}

// (row, column) → how much of a change is left there, towards borders of the crop beyond which
// photo and person go on
function fadeOf({M, size, matte}, [width, height]) {
  const back = inverse(M)
  const [middle, end] = [(size - 1) / 2, size - 1]
  const at = (x, y) => moved(back, [x, y])
  const places = Array.from({length: size}, (_, k) => k)
  const touches = place => places.some(k => matte[place(k)] > TOUCHES)
  const left = at(0, middle)[0] > 1 && touches(k => k * size)
  const right = at(end, middle)[0] < width - 2 && touches(k => k * size + end)
  const top = at(middle, 0)[1] > 1 && touches(k => k)
  const bottom = at(middle, end)[1] < height - 2 && touches(k => end * size + k)
  const rise = n => Math.min(1, n / (FADE * size))
  const along = (n, first, last) => (first ? rise(n) : 1) * (last ? rise(end - n) : 1)
  return (row, column) => along(column, left, right) * along(row, top, bottom)
}

// (n²) → (4n²), between its pixels
function doubled(x, n) {
  const size = 2 * n
  const out = new Float32Array(size * size)
  const other = i => Math.min(n - 1, Math.max(0, (i >> 1) + (i & 1 ? 1 : -1)))
  for (let y = 0, o = 0; y < size; y++) {
    const a = (y >> 1) * n
    const b = other(y) * n
    for (let u = 0; u < size; u++, o++) {
      const d = u >> 1
      const e = other(u)
      out[o] = (9 * x[a + d] + 3 * (x[a + e] + x[b + d]) + x[b + e]) / 16
    }
  }
  return out
}

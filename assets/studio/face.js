// A face of the photo: its maps, how it is lit (its look) and painted, and what the compositor
// needs of it.
import * as sh from "./sh.js"
import {inverse, moved, scaleOf, then} from "./affine.js"
import {Maps, blur} from "./relight.js"
import {OWN, sources} from "./sources.js"

const LIGHT = {source: OWN, azimuth: null, elevation: null, strength: 1, warm: 0, softness: 0}

// the look of a face under the photo's own light
export const asFound = () => ({lights: [{...LIGHT}], at: 0, ambient: 0, residual: 1})

const AS_FOUND = JSON.stringify(asFound())

export class Face {
  look = asFound()
  layers = [] // of paint, the lowest first
  paint = null // comes a moment after the maps, and the ready touches with it
  touches = null
  relit = null // null: the light has changed
  views = new Map() // view → where the face is on it
  bases = new Map() // name of a light → as bright as the photo's own
  lit = null // the light of a look, worked out once

  constructor(number, {size, margin, light, transform}, maps) {
    this.number = number
    this.size = size
    this.own = light.flat()
    this.M = transform // photo px → crop px
    this.maps = new Maps({size, light: this.own, ...maps})
    this.reach = {mask: maps.reach, size: size + 2 * margin, margin}
    this.peak = sh.peak(this.own)
  }

  get touched() {
    return JSON.stringify(this.look) !== AS_FOUND || this.painted
  }

  get painted() {
    return this.paint && this.layers.some(layer => layer.visible)
  }

  // ---- light

  // a named light, as bright as the photo's own
  base(source) {
    if (source === OWN) return this.own
    if (source.exact) return source.exact
    const light = sources.get(source)
    if (this.bases.get(source)?.light !== light) {
      this.bases.set(source, {light, matched: sh.matched(light, this.own)})
    }
    return this.bases.get(source).matched
  }

  // where one of its lights comes from, degrees
  aim({azimuth, elevation, source}) {
    const [a, e] = sh.angles(this.base(source))
    return [azimuth ?? a, elevation ?? e]
  }

  // one of its lights, alone
  one(light) {
    const [azimuth, elevation] = this.aim(light)
    const found = this.base(light.source)
    const free = sources.free.has(light.source)
    const base = free ? found : sh.forTurning(found, azimuth, elevation)
    return sh.aimed({...light, base, azimuth, elevation})
  }

  // all of its lights
  get light() {
    const {look} = this
    if (this.lit?.look !== look) {
      const lights = look.lights.map(light => this.one(light))
      const ambient = sh.even(look.ambient * this.peak)
      this.lit = {look, light: sh.sum([...lights, ambient])}
    }
    return this.lit.light
  }

  // its first light, alone and from a direction; null, null: from where it was found
  aimFirst(azimuth, elevation) {
    this.look = {...this.look, lights: [{...this.look.lights[0], azimuth, elevation}]}
  }

  // S² maps under the light as it is; what the compositor takes
  relight() {
    const {maps, look} = this
    const rendering = maps.render(this.light, maps.albedo, look.residual)
    const [slope, offset] = maps.fit(maps.logGain(rendering))
    this.relit = {slope, offset, shine: null}
  }

  // the share of shine in what the light brings, which paint does not cover
  gloss() {
    const {maps, look} = this
    const shine = new Float32Array(maps.size ** 2)
    for (let p = 0; p < shine.length; p++) {
      let gloss = 0
      let all = 0
      for (let c = 0, i = 3 * p; c < 3; c++, i++) {
        const g = sh.LUMINANCE[c] * Math.max(0, look.residual * maps.residual[i])
        gloss += g
        all += g + sh.LUMINANCE[c] * maps.albedo[i] * maps.shading[i]
      }
      shine[p] = gloss / Math.max(all, 0.001)
    }
    return shine
  }

  // ---- on a view of the photo

  // where the face is on a view, worked out once
  place(view) {
    if (!this.views.has(view)) this.views.set(view, this.placed(view))
    return this.views.get(view)
  }

  placed(view) {
    const M = then(view.back, this.M)
    const k = scaleOf(M)
    const {mask, size, margin} = this.reach
    const sigma = k > 1 ? 0.5 * Math.sqrt(k * k - 1) : 0
    const corners = span(mask, size).map(([x, y]) => moved(inverse(M), [x - margin, y - margin]))
    const soft = sigma ? blur(mask.slice(), size, 1, sigma) : mask
    return {M, sigma, reach: {mask: soft, size, margin}, box: boxOf(corners, view)}
  }

  // the face as it is now, for the compositor
  on(view) {
    const {M, sigma, box, reach} = this.place(view)
    const {size, painted, relit} = this
    const soft = x => (sigma ? blur(x.slice(), size, 3, sigma) : x) // a face smaller than its crop
    if (painted) relit.shine ??= this.gloss()
    return {
      M,
      box,
      reach,
      size,
      slope: soft(relit.slope),
      offset: soft(relit.offset),
      shine: relit.shine,
      ratio: painted ? this.paint.ratio : null,
    }
  }
}

// the smallest box of whole pixels about some points, inside a view
function boxOf(points, {width, height}) {
  const xs = points.map(([x]) => x)
  const ys = points.map(([, y]) => y)
  const within = (v, most) => Math.min(most, Math.max(0, v))
  return [
    within(Math.floor(Math.min(...xs)), width),
    within(Math.floor(Math.min(...ys)), height),
    within(Math.ceil(Math.max(...xs)) + 1, width),
    within(Math.ceil(Math.max(...ys)) + 1, height),
  ]
}

// corners of the box about what is not 0, and a pixel around it
function span(mask, size) {
  let x0 = size
  let y0 = size
  let x1 = 0
  let y1 = 0
  mask.forEach((v, p) => {
    if (v === 0) return
    const x = p % size
    const y = (p / size) | 0
    x0 = Math.min(x0, x)
    x1 = Math.max(x1, x)
    y0 = Math.min(y0, y)
    y1 = Math.max(y1, y)
  })
  return [
    [x0 - 1, y0 - 1],
    [x1 + 1, y0 - 1],
    [x0 - 1, y1 + 1],
    [x1 + 1, y1 + 1],
  ]
}

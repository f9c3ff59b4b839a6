// A face of the photo: its maps and those of its owner, how it is lit (its look) and painted, and
// what the compositor needs of it.
import * as sh from "./sh.js"
import {inverse, moved, scaleOf, then} from "./affine.js"
import {blur} from "./filters.js"
import {Person} from "./person.js"
import {Maps, Relit} from "./relight.js"
import {SHLight, aimed, even, sum} from "./shlight.js"
import {OWN, sources} from "./sources.js"

const LIGHT = {source: OWN, azimuth: null, elevation: null, strength: 1, warm: 0, softness: 0}
const STAGING = {contrast: 1, effect: 1, shine: "moved", shadows: "moved"}

// the look of a face under the photo's own light
export const asFound = () => ({lights: [{...LIGHT}], at: 0, ambient: 0, ...STAGING})

const AS_FOUND = JSON.stringify(asFound())

export class Face {
  look = asFound()
  layers = [] // of paint, the lowest first
  paint = null // comes a moment after the maps, and the ready touches with it
  touches = null
  lines = null // what the compositor takes; null: the light has changed
  isCoarse = false // whether it is good enough for a light that moves only
  views = new WeakMap() // view → where the face is on it
  bases = new Map() // name of a light → as bright as the photo's own
  lit = null // the light of a look, worked out once

  constructor(number, {size, margin, light, transform, person, alone}, maps, photoSize) {
    this.number = number
    this.size = size
    this.own = SHLight.of(light)
    this.M = transform // photo px → crop px
    this.maps = new Maps({size, light: this.own.coeffs, ...maps})
    this.person = new Person(person, maps, this.own.coeffs, photoSize)
    this.alone = alone // only the face changes
    this.relit = new Relit(this.maps, this.person, transform)
    this.reach = {mask: maps.reach, size: size + 2 * margin, margin}
    this.peak = sh.peak(this.own.coeffs)
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
      this.bases.set(source, {light, matched: light.matched(this.own)})
    }
    return this.bases.get(source).matched
  }

  // where one of its lights comes from, degrees
  aim({azimuth, elevation, source}) {
    const [a, e] = sh.angles(this.base(source).coeffs)
    return [azimuth ?? a, elevation ?? e]
  }

  // one of its lights, alone
  one(light) {
    const [azimuth, elevation] = this.aim(light)
    const fitted = !sources.free.has(light.source)
    return aimed(this.base(light.source), {...light, azimuth, elevation}, fitted)
  }

  // all of its lights
  get shining() {
    const {look} = this
    if (this.lit?.look !== look) {
      const lights = look.lights.map(light => this.one(light))
      this.lit = {look, light: sum([...lights, even(look.ambient * this.peak)])}
    }
    return this.lit.light
  }

  // their 27 numbers
  get light() {
    return this.shining.coeffs
  }

  // its first light, alone and from a direction; null, null: from where it was found
  aimFirst(azimuth, elevation) {
    this.look = {...this.look, lights: [{...this.look.lights[0], azimuth, elevation}]}
  }

  // the maps under the light as it is, and what the compositor takes; coarse while it moves
  relight(isCoarse = false) {
    const {relit, person, look} = this
    this.isCoarse = isCoarse && !this.alone
    relit.under(this.shining, look, this.isCoarse)
    this.lines = {
      face: relit.lines(look.effect),
      person: this.alone ? null : person.lines(relit, look.effect, isCoarse),
      gloss: null,
    }
  }

  // ---- on a view of the photo

  // where the face is on a view, worked out once
  place(view) {
    if (!this.views.has(view)) this.views.set(view, this.placed(view))
    return this.views.get(view)
  }

  placed(view) {
    const {reach, person} = this
    const M = then(view.back, this.M)
    const corners = span(reach.mask, reach.size)
    const inner = corners.map(([x, y]) => moved(inverse(M), [x - reach.margin, y - reach.margin]))
    const soft = softened({data: reach.mask, size: reach.size}, 1, sigmaOf(M))
    const face = {M, box: boxOf(inner, view), reach: {...reach, mask: soft}}
    if (this.alone) return face
    const onPerson = then(view.back, person.M)
    const outer = span(person.covered, person.size).map(at => moved(inverse(onPerson), at))
    const matte = linesOn(person.matteLines, onPerson, 1)
    return {...face, box: boxOf([...inner, ...outer], view), matte, onPerson}
  }

  // a tone of the skin that is not the face's
  toneOn(place) {
    const {person, paint} = this
    if (!paint.beyond) return null
    place.skin ??= linesOn(person.skinLines, place.onPerson, 1)
    return {skin: place.skin, density: paint.beyond}
  }

  // the face as it is now, for the compositor
  on(view) {
    const place = this.place(view)
    const {M, box, reach, matte, onPerson} = place
    const {painted, lines} = this
    if (painted) lines.gloss ??= this.relit.gloss()
    const outer = lines.person && scaledTo(onPerson, lines.person.size / this.person.size)
    return {
      box,
      reach,
      matte,
      face: linesOn(lines.face, M, 3),
      person: lines.person && linesOn(lines.person, outer, 3),
      gloss: lines.gloss,
      ratio: painted ? this.paint.ratio : null,
      tone: painted && matte ? this.toneOn(place) : null,
      isCoarse: this.isCoarse,
    }
  }
}

// ---- maps on a view

// a crop that is finer than the view is blurred
function sigmaOf(M) {
  const k = scaleOf(M)
  return k > 1 ? 0.5 * Math.sqrt(k * k - 1) : 0
}

const softened = ({data, size}, channels, sigma) =>
  sigma ? blur(data.slice(), size, channels, sigma) : data

function linesOn({size, slope, offset}, M, channels) {
  const sigma = sigmaOf(M)
  const soft = data => softened({data, size}, channels, sigma)
  return {M, size, slope: soft(slope), offset: soft(offset)}
}

// the way to the pixels of a grid with k pixels for each one there
const scaledTo = (M, k) => M.map(([a, b, c]) => [k * a, k * b, k * c + (k - 1) / 2])

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

// A face relit: what a new light does to every pixel of it, as `Found` and `Relit` of
// illures_nb/relight.py. Maps are flat Float32Arrays, rows first, channels last; S is the side of
// the crop.
import {inverse, then} from "./affine.js"
import {luminance} from "./colour.js"
import {Guide, wideBlur} from "./filters.js"
import {addHighlights, keepSky, shadeByLamps} from "./lamps.js"
import {DARKEST, OFFSET} from "./resample.js"
import {LUMINANCE, basisMap, contrastChange, lightChange, quantile, shade} from "./sh.js"

const MAX_LOG = Math.log(50)
const GLOSS = 0.03 // of skin
const LIT = 0.85 // quantile of the face's shading that tells how bright it is lit
const EXPOSED = [0.5, 2] // least and most that lamps are scaled with
const SAME = 1e-5 // change between lights from which on they are different
const AWAY = 1 - 1e-4 // and from which on nothing of the photo's own light is kept

const clamp = (x, low, high) => Math.min(high, Math.max(low, x))

// ---- the face as the photo has it

// Logarithms that ratios to a rendering need
class Own {
  constructor(rendering) {
    this.log = rendering.map(v => Math.log(Math.max(v, 0) + OFFSET))
    this.greyLog = new Float32Array(rendering.length / 3).map((_, p) =>
      Math.log(luminance(rendering, p) + OFFSET),
    )
  }

  // logarithm of the offset ratio image: of a new rendering to this one
  ratio(rendering, out) {
    const {log, greyLog} = this
    for (let p = 0, i = 0; p < greyLog.length; p++) {
      const Y = luminance(rendering, p)
      const share = Y / (Y + OFFSET)
      const grey = (1 - share) * (Math.log(Y + OFFSET) - greyLog[p])
      for (const end = i + 3; i < end; i++) {
        const g = share * (Math.log(Math.max(rendering[i], 0) + OFFSET) - log[i]) + grey
        out[i] = g > MAX_LOG ? MAX_LOG : g < -MAX_LOG ? -MAX_LOG : g
      }
    }
    return out
  }
}

export class Maps {
  constructor({size, albedo, normals, residual, mask, unexplained, guide, wet, light}) {
    Object.assign(this, {size, albedo, normals, residual, mask, unexplained, wet, light})
    this.basis = basisMap(normals)
    const shading = shade(this.basis, light)
    const explained = albedo.map((v, i) => v * shading[i])
    const bare = albedo.map((v, i) => v * (shading[i] + DARKEST))
    this.own = new Own(explained.map((v, i) => v + residual[i]))
    this.bare = new Own(bare) // without the residual
    this.shadow = bare.map((v, i) => clamp(1 + Math.min(residual[i], 0) / Math.max(v, 1e-3), 0, 1))
    this.guide = new Guide(guide, size)
    this.nearMask = wideBlur(mask.slice(), size, 1, size / 24)
    this.lit = indices(mask, v => v > 0.5)
    this.someLit = this.lit.filter((_, k) => k % 8 === 0)
    this.eyes = new Eyes(this, shading)
  }

  // a map continued beyond the mask by what is near within, in its place
  continued(gain, masked) {
    const {size, mask, nearMask} = this
    for (let i = 0; i < gain.length; i++) masked[i] = gain[i] * mask[(i / 3) | 0]
    const near = wideBlur(masked, size, 3, size / 24)
    for (let p = 0, i = 0; p < mask.length; p++) {
      const m = mask[p]
      const k = (1 - m) / (nearMask[p] + 1e-4)
      for (const end = i + 3; i < end; i++) gain[i] = m * gain[i] + k * near[i]
    }
    return gain
  }
}

function indices(x, wanted) {
  const found = []
  x.forEach((v, p) => {
    if (wanted(v)) found.push(p)
  })
  return Int32Array.from(found)
}

// Eyes and the inside of the mouth: the shading of what is around them, and nothing else
class Eyes {
  constructor({size, mask, wet}, shading) {
    this.size = size
    this.wet = wet
    this.places = indices(wet, v => v > 0)
    this.weight = mask.map((m, p) => m * (1 - wet[p]) + 1e-3)
    this.nearWeight = wideBlur(this.weight.slice(), size, 1, size / 24)
    const own = shading.map(v => v + DARKEST)
    this.ownLog = this.around(own, new Float32Array(own.length)).map(v => Math.log(v + OFFSET))
  }

  around(shading, out) {
    const {size, weight, nearWeight} = this
    for (let i = 0; i < out.length; i++) out[i] = shading[i] * weight[(i / 3) | 0]
    wideBlur(out, size, 3, size / 24)
    for (let i = 0; i < out.length; i++) out[i] /= nearWeight[(i / 3) | 0]
    return out
  }

  // their log gain in the place of what was worked out for skin
  mend(gain, shading, spare) {
    const near = this.around(shading, spare)
    for (const p of this.places) {
      for (let i = 3 * p; i < 3 * p + 3; i++) {
        gain[i] += this.wet[p] * (Math.log(near[i] + OFFSET) - this.ownLog[i] - gain[i])
      }
    }
  }
}

// ---- the face under another light

export class Relit {
  constructor(maps, person, transform) {
    this.maps = maps
    this.person = person
    this.onPerson = then(inverse(transform), person.M) // crop px → px of the person's crop
    const floats = n => new Float32Array(n * maps.size ** 2)
    // all of these are written anew for every light
    this.literal = floats(3) // shading by the 27 numbers alone
    this.shading = floats(3) // by lamps, shadows included
    this.shine = floats(3)
    this.rendering = floats(3)
    this.gain = floats(3)
    this.spare = floats(3)
    this.bare = floats(3) // shading by lamps without shadows
    this.arrives = floats(1)
  }

  // the light as it falls: what of it changes, its lamps, and how much of each is seen
  under(light, {contrast, shine, shadows}, isCoarse = false) {
    const {maps, person} = this
    shade(maps.basis, light.coeffs, this.literal)
    const staged = contrastChange(contrast)
    const change = Math.max(lightChange(light.coeffs, maps.light), staged)
    this.change = change < SAME ? 0 : change > AWAY ? 1 : change
    this.coeffs = light.coeffs
    this.guessed = light.isKnown ? 0 : 1 - staged // how much the 27 numbers say beside lamps
    this.isCoarse = isCoarse
    this.lamps = light.staged(contrast)
    const moves = this.change > 0 && shadows === "moved"
    this.seen = this.lamps.lamps.map(lamp => (moves ? person.seen(lamp) : null))
    if (this.change > 0) this.stage(light.isKnown, shine, shadows)
    this.render()
  }

  stage(hasLamps, shine, shadows) {
    const {maps, shading, literal, bare, arrives} = this
    const seen = this.seen.map(map => map && this.onFace(map))
    shadeByLamps(this.lamps, maps.normals, [], bare, arrives)
    shadeByLamps(this.lamps, maps.normals, seen, shading, arrives)
    if (this.guessed) keepSky(this.guessed, shading, bare, literal, 0)
    // as bright on the lit cheek as without shadows
    const plain = hasLamps ? bare : literal
    const factor = clamp(this.brightness(plain) / this.brightness(shading), ...EXPOSED)
    this.lamps = this.lamps.times(factor)
    this.exposure = factor
    this.shines = shine === "moved"
    const kept = shadows === "kept"
    for (let i = 0; i < shading.length; i++) {
      shading[i] *= kept ? factor * maps.shadow[i] : factor
    }
    this.shine.fill(0)
    if (shine === "kept") this.shine.set(maps.residual.map(v => Math.max(v, 0)))
    if (this.shines) addHighlights(this.lamps, maps.normals, seen, GLOSS, this.shine)
  }

  // how bright the lit part of the face is
  brightness(shading) {
    const lit = this.isCoarse ? this.maps.someLit : this.maps.lit
    if (!lit.length) return 1
    const Y = Float32Array.from(lit, p => luminance(shading, p))
    return Math.max(quantile(Y, LIT), 1e-4)
  }

  // a map of the person's crop on the face's
  onFace(map) {
    const {size} = this.maps
    const n = this.person.size
    const [[a, b, c], [d, e, f]] = this.onPerson
    const out = new Float32Array(size * size)
    for (let y = 0, p = 0; y < size; y++) {
      for (let x = 0; x < size; x++, p++) {
        const u = clamp(a * x + b * y + c, 0, n - 1)
        const v = clamp(d * x + e * y + f, 0, n - 1)
        const i = Math.min(n - 2, u | 0)
        const j = Math.min(n - 2, v | 0)
        const [o, fu, fv] = [j * n + i, u - i, v - j]
        out[p] =
          (map[o] * (1 - fu) + map[o + 1] * fu) * (1 - fv) +
          (map[o + n] * (1 - fu) + map[o + n + 1] * fu) * fv
      }
    }
    return out
  }

  // (S, S, 3) linear: albedo · shading + residual, as it is under this light
  render() {
    const {change, literal, shading, shine, rendering} = this
    const {albedo, residual} = this.maps
    for (let i = 0; i < rendering.length; i++) {
      const staged = change > 0 ? albedo[i] * (shading[i] - literal[i]) + shine[i] : 0
      rendering[i] = albedo[i] * literal[i] + change * staged + (1 - change) * residual[i]
    }
  }

  // log gain of the face, as lines along the photo's edges
  lines(strength) {
    const {maps, gain, spare, change} = this
    if (change > 0) this.move()
    if (change < 1) this.keep()
    for (let i = 0; i < gain.length; i++) gain[i] *= strength
    return {size: maps.size, ...maps.guide.lines(maps.continued(gain, spare), spare)}
  }

  // the face's tone and what is finer than maps stay the photo's
  move() {
    const {maps, gain, spare, shading, shine} = this
    const {albedo, unexplained} = maps
    for (let i = 0; i < spare.length; i++) spare[i] = albedo[i] * shading[i] + shine[i]
    maps.bare.ratio(spare, gain)
    for (let i = 0; i < gain.length; i++) gain[i] -= unexplained[i]
    maps.eyes.mend(gain, shading, spare)
  }

  // where the light is nearly the photo's own, its shine and shadows stay
  keep() {
    const {maps, gain, spare, literal, change} = this
    const {albedo, residual} = maps
    for (let i = 0; i < spare.length; i++) spare[i] = albedo[i] * literal[i] + residual[i]
    maps.own.ratio(spare, spare)
    for (let i = 0; i < gain.length; i++) {
      gain[i] = change > 0 ? change * gain[i] + (1 - change) * spare[i] : spare[i]
    }
  }

  // (S²) the share of shine in what the light brings, which paint does not cover
  gloss() {
    const {literal, rendering} = this
    const {albedo, size} = this.maps
    const share = new Float32Array(size * size)
    for (let p = 0; p < share.length; p++) {
      let bright = 0
      let all = 0
      for (let c = 0, i = 3 * p; c < 3; c++, i++) {
        const diffuse = albedo[i] * literal[i]
        bright += LUMINANCE[c] * Math.max(0, rendering[i] - diffuse)
        all += LUMINANCE[c] * Math.max(0, diffuse)
      }
      share[p] = bright / Math.max(all + bright, 0.001)
    }
    return share
  }
}

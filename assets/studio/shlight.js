// A light with its 27 numbers and the lamps that make them, or stand behind them, as SHLight of
// illures_nb/light.py: turned, scaled and added together.
import * as sh from "./sh.js"
import {Lamps} from "./lamps.js"

const LEAST_FILL = 0.04 // of what the lamps send: rooms are never black

export class SHLight {
  // lamps that are not known were guessed from the numbers
  constructor(coeffs, lamps, isKnown = true) {
    this.coeffs = coeffs
    this.lamps = lamps
    this.isKnown = isKnown
  }

  // what the server sends
  static of({coeffs, lamps, known}) {
    return new SHLight(coeffs.flat(), Lamps.of(lamps), known)
  }

  // nine rows, or light settings; lamps that do not make these numbers are not theirs
  static parsed(settings) {
    const coeffs = (settings.coeffs ?? settings).flat().map(Number)
    if (coeffs.length !== 27 || !coeffs.every(Number.isFinite)) return null
    const known = settings.lamps && new SHLight(coeffs, Lamps.of(settings.lamps))
    return known?.isMade ? known : new SHLight(coeffs, calmForm(coeffs).lamps, false)
  }

  // whether its lamps make its numbers, or stand for them
  get isMade() {
    const most = Math.max(1, ...this.coeffs.map(Math.abs))
    const made = coeffsOf(this.lamps)
    return this.coeffs.every((v, i) => Math.abs(v - made[i]) < 1e-3 * most)
  }

  plus({coeffs, lamps, isKnown}) {
    const both = this.isKnown && isKnown
    return new SHLight(sh.sum([this.coeffs, coeffs]), this.lamps.plus(lamps), both)
  }

  // a number, or R, G, B
  times(factor) {
    return new SHLight(sh.scaled(this.coeffs, factor), this.lamps.times(factor), this.isKnown)
  }

  turned(R) {
    return new SHLight(sh.rotated(this.coeffs, R), this.lamps.turned(R), this.isKnown)
  }

  softened(softness) {
    if (softness === 0) return this
    const coeffs = sh.softened(this.coeffs, softness)
    return new SHLight(coeffs, this.lamps.softened(softness), this.isKnown)
  }

  // as bright on a face as another one
  matched(other) {
    return this.times(sh.matchFactor(this.coeffs, other.coeffs))
  }

  // as a photographer sets it
  staged(contrast) {
    return this.lamps.filled(LEAST_FILL).contrasted(contrast)
  }
}

export const even = amount =>
  new SHLight(sh.even(amount), new Lamps([], [amount, amount, amount]))

export const sum = lights => lights.reduce((a, b) => a.plus(b), even(0))

// shading 1 where a surface faces it
export function lamp(azimuth, elevation, softness) {
  const direction = sh.direction(azimuth, elevation)
  const lamps = new Lamps([{direction, colour: [1, 1, 1], softness}])
  return new SHLight(sh.lamp(azimuth, elevation, softness), lamps)
}

function coeffsOf({lamps, fill}) {
  const each = lamps.map(({direction: [x, y, z], colour, softness}) => {
    const elevation = Math.asin(Math.min(1, Math.max(-1, y)))
    const angles = [Math.atan2(x, z), elevation].map(v => (v * 180) / Math.PI)
    return sh.scaled(sh.lamp(...angles, softness), colour)
  })
  return sh.sum([...each, sh.scaled(sh.even(1), fill)])
}

// ---- a light that was fitted to a face, turned by hand

const calmForms = new WeakMap() // light → its calm form

function calmForm(coeffs) {
  const {angles, softness, strength, fill, factor} = sh.calmParts(coeffs)
  return lamp(...angles, softness).times(strength).plus(even(fill)).times(factor)
}

function calm(light) {
  if (!calmForms.has(light)) calmForms.set(light, calmForm(light.coeffs))
  return calmForms.get(light)
}

// as it is where it was found, calm from some way on
function forTurning(light, azimuth, elevation) {
  const share = sh.calmShare(light.coeffs, azimuth, elevation)
  if (share === 0) return light
  if (share === 1) return calm(light)
  return light.times(1 - share).plus(calm(light).times(share))
}

// turned until most of it comes from a direction, made softer, stronger, warmer; those that were
// `fitted` to a face calm down on the way
export function aimed(light, {azimuth, elevation, strength, warm, softness}, fitted) {
  const base = fitted ? forTurning(light, azimuth, elevation) : light
  const turned = base.turned(sh.turnTo(base.coeffs, azimuth, elevation))
  return turned.softened(softness).times(sh.warmth(warm).map(v => v * strength))
}

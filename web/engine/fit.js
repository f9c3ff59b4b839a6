// The light that explains a picture best, by robust least squares, as illures_nb/fit.py. Maps are
// flat, three numbers a pixel; lights are 27 numbers as in ../studio/sh.js.
import {basis} from "../studio/sh.js"
import {median} from "./statistics.js"

const RIDGE = 0.01 // trust in the light that is there already, as a share of the pixels
const STEPS = 12 // reweightings
const MOST = 4096 // pixels used, evenly spread when there are more
const BLACK = 1e-3 // share of a colour's brightest pixel up to which a pixel counts as black

// x with A·x = b, A symmetric and positive, by Cholesky
function solved(A, b) {
  const n = b.length
  const L = A.map(row => Float64Array.from(row))
  const x = Float64Array.from(b)
  for (let i = 0; i < n; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = L[i][j]
      for (let k = 0; k < j; k++) sum -= L[i][k] * L[j][k]
      L[i][j] = i === j ? Math.sqrt(Math.max(sum, 1e-30)) : sum / L[j][j]
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) x[i] -= L[i][k] * x[k]
    x[i] /= L[i][i]
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) x[i] -= L[k][i] * x[k]
    x[i] /= L[i][i]
  }
  return x
}

function chosenPixels(weights) {
  const usable = []
  weights.forEach((w, p) => {
    if (w > 0) usable.push(p)
  })
  const stride = Math.floor(usable.length / MOST) * 2 + 1 // odd: it walks across columns
  return usable.filter(p => p % stride === 0)
}

// one colour of the pixels: what each of the nine numbers does to them
class Colour {
  constructor(c, pixels, terms, {target, albedo, weights, prior}) {
    this.target = Float64Array.from(pixels, p => target[3 * p + c])
    this.albedo = Float64Array.from(pixels, p => albedo[3 * p + c])
    this.terms = terms
    this.centre = Array.from({length: 9}, (_, i) => prior[3 * i + c])
    this.black = BLACK * this.target.reduce((most, v) => Math.max(most, v), 0)
    this.informative = this.target.map(v => (v > this.black ? 1 : 0))
    let [total, energy] = [0, 0]
    pixels.forEach((p, k) => {
      total += weights[p]
      energy += weights[p] * this.albedo[k] ** 2
    })
    this.pull = (RIDGE * total + 9) * Math.max(energy / Math.max(total, 1e-6), 1e-4)
  }

  // the nine numbers that fit best, by these weights
  fit(weights) {
    const {target, albedo, terms, informative, pull, centre} = this
    const gram = Array.from({length: 9}, (_, i) => {
      const row = new Float64Array(9)
      row[i] = pull
      return row
    })
    const moment = Float64Array.from(centre, v => pull * v)
    for (let k = 0; k < target.length; k++) {
      const w = weights[k] * informative[k] * albedo[k]
      if (w === 0) continue
      for (let i = 0, t = 9 * k; i < 9; i++) {
        const v = w * terms[t + i]
        moment[i] += v * target[k]
        for (let j = 0; j <= i; j++) gram[i][j] += v * albedo[k] * terms[t + j]
      }
    }
    this.coeffs = solved(gram, moment)
  }

  shading(k) {
    let sum = 0
    for (let i = 0; i < 9; i++) sum += this.coeffs[i] * this.terms[9 * k + i]
    return sum
  }

  // |target - albedo·shading| of a pixel
  error(k) {
    return Math.abs(this.target[k] - this.albedo[k] * Math.max(this.shading(k), 0))
  }

  // where this colour says something: dark where the model is black says nothing
  inform(scale) {
    const least = Math.max(this.black, scale)
    this.informative = this.target.map((v, k) => (this.shading(k) > 0 || v > least ? 1 : 0))
  }
}

function scaleOf(errors) {
  return errors.length ? 3.5 * median(errors) + 1e-6 : 1
}

// → 27 numbers; weights (P) ≥ 0, prior: where the ridge pulls to
export function fitLight({target, albedo, normals, weights, prior}) {
  const pixels = chosenPixels(weights)
  const terms = Float64Array.from(
    pixels.flatMap(p => basis(normals[3 * p], normals[3 * p + 1], normals[3 * p + 2])),
  )
  const of = {target, albedo, weights, prior}
  const colours = [0, 1, 2].map(c => new Colour(c, pixels, terms, of))
  let trust = new Float64Array(pixels.length).fill(1)
  for (let step = 0; step <= STEPS; step++) {
    const counted = trust.map((v, k) => v * weights[pixels[k]])
    for (const colour of colours) colour.fit(counted)
    const errors = trust.map((_, k) => colours.reduce((sum, one) => sum + one.error(k), 0) / 3)
    const said = errors.filter((_, k) => colours.some(({informative}) => informative[k]))
    const scale = scaleOf(said)
    trust = errors.map(e => 1 / (1 + (e / scale) ** 2) ** 2) // Geman and McClure
    for (const colour of colours) colour.inform(scale)
  }
  return Array.from({length: 27}, (_, i) => colours[i % 3].coeffs[Math.floor(i / 3)])
}

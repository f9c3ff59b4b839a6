// How dark and how warm a skin is, from what surrounds it, as illures_nb/tone.py: cues of a
// picture, and five small networks that tell an albedo from them.
import {toLinear} from "../studio/colour.js"
import {blur, halved} from "../studio/filters.js"
import {LUMINANCE, basisMap, shade} from "../studio/sh.js"
import {SIZE, TONE, WIDE} from "./facts.js"
import {faceParts, measures, personParts} from "./parts.js"
import {movedAll} from "./points.js"
import {average, quantileOf, sorted} from "./statistics.js"

const QUANTILES = [0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98]
const FEWEST = 4 // pixels of a part that is there at all
const BURNT_OUT = 0.985 // sRGB from which on a pixel says nothing
const FLOOR = 0.03 // of the skin: what is darker is black
const BARE = ["eyes", "brows", "lips", "mouth", "nose"] // parts whose albedo is asked as well
const HALF = WIDE / 2 // side that surroundings are looked at with

const luminanceOf = rgb => LUMINANCE.reduce((sum, w, c) => sum + w * rgb[c], 0)

const placesOf = map => {
  const found = []
  map.forEach((v, p) => {
    if (v) found.push(p)
  })
  return found
}

// ---- cues of a part

// brightness, redness and blueness of some pixels of a map of logarithms
function colours(x, places) {
  return places.map(p => {
    const rgb = [x[3 * p], x[3 * p + 1], x[3 * p + 2]]
    return [luminanceOf(rgb), rgb[0] - rgb[1], rgb[2] - rgb[1]]
  })
}

const column = (rows, k) => rows.map(row => row[k])

function partCues(x, burnt, part) {
  const places = placesOf(part)
  if (places.length < FEWEST) return new Array(QUANTILES.length + 5).fill(NaN)
  const seen = colours(x, places)
  const ranked = sorted(column(seen, 0))
  const levels = QUANTILES.map(q => ranked[Math.floor(q * ranked.length)])
  const brightest = seen.filter(([level]) => level >= levels[4])
  const means = rows => [average(column(rows, 1)), average(column(rows, 2))]
  return [...levels, ...means(seen), ...means(brightest), average(places.map(p => burnt[p]))]
}

const deviation = values => {
  const middle = average(values)
  return Math.sqrt(average(values.map(v => (v - middle) ** 2)))
}

// how redness and blueness change with brightness
function slopes(seen) {
  const middle = average(column(seen, 0))
  const off = seen.map(([level]) => level - middle)
  const square = off.reduce((sum, v) => sum + v * v, 0) + 1e-3 * off.length
  return [1, 2].map(k => off.reduce((sum, v, i) => sum + v * seen[i][k], 0) / square)
}

function skinCues(x, part) {
  const places = placesOf(part)
  if (places.length < 50) return new Array(8).fill(NaN)
  const seen = colours(x, places)
  const level = Float32Array.from({length: SIZE * SIZE}, (_, p) =>
    luminanceOf([x[3 * p], x[3 * p + 1], x[3 * p + 2]]),
  )
  const soft = blur(level.slice(), SIZE, 1, 2)
  const top = quantileOf(sorted(column(seen, 0)), 0.75)
  const fine = places.map(p => level[p] - soft[p])
  return [
    ...slopes(seen),
    ...slopes(seen.filter(([v]) => v >= top)),
    ...[0, 1, 2].map(k => deviation(column(seen, k))),
    deviation(fine),
  ]
}

// ---- cues of a picture

// median of cheeks and forehead, of what is not clipped there if that is enough
function skinLevel(x, parts, burnt) {
  const all = placesOf(parts.cheeks.map((v, p) => (v || parts.forehead[p] ? 1 : 0)))
  const sure = burnt ? all.filter(p => !burnt[p]) : all
  const some = sure.length > 20 ? sure : all
  const places = some.length ? some : placesOf(parts.everything ?? parts.skin.map(() => 1))
  const middle = c => quantileOf(sorted(places.map(p => x[3 * p + c])), 0.5)
  return [0, 1, 2].map(c => Math.max(middle(c), 1e-3))
}

const burntIn = rgb =>
  Uint8Array.from({length: rgb.length / 3}, (_, p) =>
    Math.max(rgb[3 * p], rgb[3 * p + 1], rgb[3 * p + 2]) > BURNT_OUT ? 1 : 0,
  )

const relative = (x, level) => x.map((v, i) => Math.log(v / level[i % 3] + FLOOR))

function poseCues(p, wide) {
  const {apart} = measures(p)
  const middle = (points, c) => average(points.map(k => p[k][c]))
  return [
    Math.log(measures(wide).apart / HALF),
    (p[30][0] - middle([36, 45], 0)) / apart,
    (p[66][1] - p[62][1]) / apart,
    (middle([40, 41, 46, 47], 1) - middle([37, 38, 43, 44], 1)) / apart,
  ]
}

function cuesOf(face, person, parts) {
  const points = movedAll(face.landmarks, face.M)
  const around = movedAll(face.landmarks, person.transform).map(q => q.map(v => v / 2))
  const [wide, matte] = [halved(person.crop, WIDE, 3), halved(person.matte, WIDE, 1)]
  const beside = personParts(around, matte, HALF)
  const [burnt, burntWide] = [burntIn(face.crop), burntIn(wide)]
  const linear = face.crop.map(toLinear)
  const level = skinLevel(linear, parts, burnt)
  const x = relative(linear, level)
  const bare = relative(face.albedo, skinLevel(face.albedo, parts))
  const xWide = relative(wide.map(toLinear), level)
  const [r, g, b] = level.map(Math.log)
  return [
    ...Object.values(parts).flatMap(part => partCues(x, burnt, part)),
    ...BARE.flatMap(name => partCues(bare, burnt, parts[name]).slice(0, -1)),
    ...Object.values(beside).flatMap(part => partCues(xWide, burntWide, part)),
    ...[x, bare].flatMap(layer => skinCues(layer, parts.skin)),
    ...poseCues(points, around),
    r - g,
    b - g,
  ]
}

// ---- the networks

// the integral of the bell curve (Abramowitz and Stegun 7.1.26)
function erf(x) {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const terms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
  const sum = terms.reduce((total, v) => (total + v) * t, 0)
  return Math.sign(x) * (1 - sum * Math.exp(-x * x))
}

const gelu = x => (x / 2) * (1 + erf(x / Math.SQRT2))

// weights, row by row, then biases → outputs; where they begin in the file, and where they end
function layer(numbers, at, x, outputs) {
  const biases = at + x.length * outputs
  const y = Array.from({length: outputs}, (_, o) =>
    x.reduce((sum, v, i) => sum + v * numbers[at + o * x.length + i], numbers[biases + o]),
  )
  return [y, biases + outputs]
}

// log albedo of skin
function told(cues, numbers) {
  const {mean, deviation: width, usual, hidden, members} = TONE
  const x = cues.map((v, i) => {
    const standard = (v - mean[i]) / width[i]
    return Number.isNaN(standard) ? 0 : Math.min(4, Math.max(-4, standard))
  })
  let at = 0
  const sum = [0, 0, 0]
  for (let k = 0; k < members; k++) {
    const [first, second] = layer(numbers, at, x, hidden)
    const [deep, third] = layer(numbers, second, first.map(gelu), hidden)
    const [y, end] = layer(numbers, third, deep.map(gelu), 3)
    y.forEach((v, c) => {
      sum[c] += v / members
    })
    at = end
  }
  return spread(sum.map((v, c) => v + usual[c]))
}

// undoes the pull to the middle: luminance along the curve, colour stays
function spread(log) {
  const {said, meant, darkest, palest} = TONE
  const level = Math.log(luminanceOf(log.map(Math.exp)))
  const found = said.findIndex(v => v >= level)
  const k = Math.min(said.length - 1, Math.max(1, found < 0 ? said.length : found))
  const slope = (meant[k] - meant[k - 1]) / (said[k] - said[k - 1])
  const right = meant[k - 1] + slope * (level - said[k - 1])
  const within = v => Math.min(Math.log(palest), Math.max(Math.log(darkest), v))
  return log.map(v => within(v + right - level))
}

// ---- face and person with the tone that surroundings tell; `numbers` of the networks

export function withTone(face, person, numbers) {
  const parts = faceParts(movedAll(face.landmarks, face.M), SIZE)
  const tone = told(cuesOf(face, person, parts), numbers).map(Math.exp)
  const level = skinLevel(face.albedo, parts)
  const factor = face.isGrey
    ? new Array(3).fill(luminanceOf(tone) / luminanceOf(level))
    : tone.map((v, c) => v / level[c])
  const shading = shade(basisMap(face.normals), face.light)
  const toned = map => map.map((v, i) => Math.min(1, v * factor[i % 3]))
  const albedo = toned(face.albedo)
  const residual = face.residual.map(
    (v, i) => v + (face.albedo[i] - albedo[i] / factor[i % 3]) * shading[i],
  )
  const light = face.light.map((v, i) => v / factor[i % 3])
  return [
    {...face, albedo, residual, light},
    {...person, albedo: toned(person.albedo)},
  ]
}

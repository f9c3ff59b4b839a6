// A face's layers, as `assemble` of illures_nb/decompose.py makes them: albedo, normals and
// residual on its crop, mask and light, everything in the photo's frame.
import {scaleOf} from "../studio/affine.js"
import {toLinear} from "../studio/colour.js"
import {basisMap, rotated, shade} from "../studio/sh.js"
import {SIZE} from "./facts.js"
import {fitLight} from "./fit.js"
import {faceMask} from "./mask.js"
import {crop, interleaved, planes} from "./picture.js"
import {cropTransform, movedAll} from "./points.js"

const BURNT_OUT = 0.985 // sRGB from which on a pixel says nothing of the light
const MIRRORED = [1, 1, -1, 1, 1, -1, 1, 1, -1] // signs of a mirrored light's numbers

// ---- the network, straight and by way of the mirror image

// one of its answers, of a batch of two
function mapsOf({albedo, normals, light, residual}, at) {
  const area = 3 * SIZE * SIZE
  const map = ({data}) => interleaved(data, at * area, SIZE, 3)
  const numbers = Array.from(light.data.slice(27 * at, 27 * at + 27))
  return {albedo: map(albedo), normals: map(normals), residual: map(residual), light: numbers}
}

function flipped(map, signs = [1, 1, 1]) {
  return map.map((_, i) => {
    const p = Math.floor(i / 3)
    const q = p - (p % SIZE) + SIZE - 1 - (p % SIZE)
    return signs[i % 3] * map[3 * q + (i % 3)]
  })
}

function unit(normals) {
  for (let i = 0; i < normals.length; i += 3) {
    const length = Math.max(Math.hypot(normals[i], normals[i + 1], normals[i + 2]), 1e-12)
    for (let c = 0; c < 3; c++) normals[i + c] /= length
  }
  return normals
}

async function answered(networks, picture) {
  const area = 3 * SIZE * SIZE
  const numbers = new Float32Array(2 * area)
  planes(picture, numbers, 0, {})
  planes(picture, numbers, area, {mirror: true})
  const answer = await networks.lite(numbers, [2, 3, SIZE, SIZE])
  const [one, two] = [mapsOf(answer, 0), mapsOf(answer, 1)]
  const between = (a, b) => a.map((v, i) => (v + b[i]) / 2)
  return {
    albedo: between(one.albedo, flipped(two.albedo)),
    normals: unit(between(one.normals, flipped(two.normals, [-1, 1, 1]))),
    residual: between(one.residual, flipped(two.residual)),
    light: one.light.map((v, i) => (v + MIRRORED[Math.floor(i / 3)] * two.light[i]) / 2),
  }
}

// ---- black and white

export function isGrey(rgb) {
  let most = 0
  for (let i = 0; i < rgb.length; i += 3) {
    const [r, g, b] = [rgb[i], rgb[i + 1], rgb[i + 2]]
    most = Math.max(most, Math.max(r, g, b) - Math.min(r, g, b))
  }
  return most < 2 / 255
}

function greyed(numbers) {
  return numbers.map((_, i) => {
    const k = i - (i % 3)
    return (numbers[k] + numbers[k + 1] + numbers[k + 2]) / 3
  })
}

// ---- mask and light

// the soft mask, on the crop and `margin` pixels around it
function reachOf(photo, landmarks, M, margin) {
  const wide = M.map(([a, b, c]) => [a, b, c + margin])
  const size = SIZE + 2 * margin
  const rgb = Float32Array.from(crop(photo, wide, size, Uint8ClampedArray).data, v => v / 255)
  return faceMask(movedAll(landmarks, wide), size, rgb)
}

function innerPart(reach, margin) {
  const size = SIZE + 2 * margin
  return Float32Array.from({length: SIZE * SIZE}, (_, p) => {
    const row = Math.floor(p / SIZE) + margin
    return reach[row * size + (p % SIZE) + margin]
  })
}

// The light fitted to the photo, and the residual so that the sum stays what it was
function refitted({albedo, normals, residual, light}, rgb, mask) {
  const target = rgb.map(toLinear)
  const burnt = p => Math.max(rgb[3 * p], rgb[3 * p + 1], rgb[3 * p + 2]) >= BURNT_OUT
  const weights = mask.map((m, p) => (burnt(p) ? 0 : m))
  const of = {albedo, normals, weights, prior: light}
  const fitted = fitLight({...of, target})
  const own = fitLight({...of, target: target.map((v, i) => v - residual[i])})
  const basis = basisMap(normals)
  const [one, other] = [shade(basis, own), shade(basis, fitted)]
  return {
    light: fitted,
    residual: residual.map((v, i) => v + albedo[i] * (one[i] - other[i])),
  }
}

// ---- the photo's frame

// radians, anticlockwise: from directions in the crop to those in the photo
export const rollOf = M => Math.atan2(M[1][0], M[0][0])

// 3×3: about the way to the viewer
export function rollMatrix(angle) {
  const [c, s] = [Math.cos(angle), Math.sin(angle)]
  return [
    [c, -s, 0],
    [s, c, 0],
    [0, 0, 1],
  ]
}

// every vector v of a map becomes R·v
export function turnedMap(map, R) {
  const out = new Float32Array(map.length)
  for (let i = 0; i < map.length; i += 3) {
    for (let r = 0; r < 3; r++) {
      out[i + r] = R[r][0] * map[i] + R[r][1] * map[i + 1] + R[r][2] * map[i + 2]
    }
  }
  return out
}

// ---- all of it

// A face's crop and what the network says of it, in the crop's own frame
export async function lookAt(networks, photo, landmarks) {
  const M = cropTransform(landmarks, SIZE)
  const picture = crop(photo, M, SIZE, Float32Array)
  picture.data.forEach((v, i, data) => {
    data[i] = v / 255
  })
  return {landmarks, M, crop: picture.data, maps: await answered(networks, picture)}
}

export function assembled(photo, {landmarks, M, crop: rgb, maps}) {
  const isBlackAndWhite = isGrey(rgb)
  const said = isBlackAndWhite ? withoutColours(maps) : maps
  const margin = SIZE >> 2
  const reach = reachOf(photo, landmarks, M, margin)
  const mask = innerPart(reach, margin)
  const {light, residual} = refitted(said, rgb, mask)
  const R = rollMatrix(rollOf(M))
  return {
    landmarks,
    M,
    crop: rgb,
    isGrey: isBlackAndWhite,
    side: SIZE / scaleOf(M), // px of the photo
    albedo: said.albedo,
    normals: turnedMap(said.normals, R),
    residual,
    light: rotated(light, R),
    mask,
    reach,
    margin,
  }
}

const withoutColours = ({albedo, normals, residual, light}) => ({
  albedo: greyed(albedo),
  normals,
  residual: greyed(residual),
  light: greyed(light),
})

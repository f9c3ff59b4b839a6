// What the studio's scripts take of a photo, as illures_demo/payload.py sends it.
import {DARKEST, OFFSET} from "../studio/resample.js"
import {greyOf, toLinear} from "../studio/colour.js"
import {blur} from "../studio/filters.js"
import {basisMap, shade} from "../studio/sh.js"
import {lampsBehind} from "./behind.js"
import {filled} from "./draw.js"
import {SIZE} from "./facts.js"
import {rollMatrix, rollOf} from "./layers.js"
import {depthOf} from "./person.js"
import {movedAll} from "./points.js"

// ---- what of a face no rendering explains

// of each pixel and its four neighbours the highest or the lowest
function among(x, choose) {
  const row = 3 * SIZE
  const out = x.slice()
  for (let y = 0, i = 0; y < SIZE; y++) {
    for (let u = 0; u < SIZE; u++) {
      for (let c = 0; c < 3; c++, i++) {
        let v = x[i]
        if (u > 0) v = choose(v, x[i - 3])
        if (u < SIZE - 1) v = choose(v, x[i + 3])
        if (y > 0) v = choose(v, x[i - row])
        if (y < SIZE - 1) v = choose(v, x[i + row])
        out[i] = v
      }
    }
  }
  return out
}

// logarithm of the photo over its own rendering, but for its tone and its fine dark lines
function unexplained({crop, albedo, normals, light, mask}) {
  const shading = shade(basisMap(normals), light)
  const off = crop.map((v, i) => {
    const own = albedo[i] * (shading[i] + DARKEST)
    return Math.log((toLinear(v) + OFFSET) / (own + OFFSET))
  })
  const total = Math.max(mask.reduce((sum, m) => sum + m, 0), 1e-6)
  const tone = [0, 0, 0]
  off.forEach((v, i) => {
    tone[i % 3] += (v * mask[Math.floor(i / 3)]) / total
  })
  return among(among(off.map((v, i) => v - tone[i % 3]), Math.max), Math.min)
}

const EYES_AND_MOUTH = [
  [36, 42],
  [42, 48],
  [60, 68],
]

function wet({landmarks, M}) {
  const points = movedAll(landmarks, M)
  const drawn = new Float32Array(SIZE * SIZE)
  for (const [first, end] of EYES_AND_MOUTH) {
    filled(points.slice(first, end), SIZE, 8).forEach((v, p) => {
      drawn[p] = Math.max(drawn[p], v)
    })
  }
  return blur(drawn, SIZE, 1, SIZE / 128)
}

// ---- a face and its person

const [MOUTH, CHIN] = [51, 8] // landmarks

function aboutPerson({size, transform, faceSide}, {landmarks}) {
  const rows = movedAll(landmarks, transform).map(([, y]) => y)
  return {
    size,
    transform,
    upright: rollMatrix(rollOf(transform)),
    face_side: faceSide,
    mouth: rows[MOUTH],
    chin: rows[CHIN],
  }
}

function rows(light) {
  return Array.from({length: 9}, (_, i) => light.slice(3 * i, 3 * i + 3))
}

// what is said of a face, and its maps by name
export function faceForPage(face, person) {
  const about = {
    size: SIZE,
    margin: face.margin,
    light: {coeffs: rows(face.light), lamps: lampsBehind(face.light), known: false},
    transform: face.M,
    person: aboutPerson(person, face),
    alone: false,
  }
  const maps = {
    albedo: face.albedo,
    normals: face.normals,
    residual: face.residual,
    mask: face.mask,
    unexplained: unexplained(face),
    guide: greyOf(face.crop),
    wet: wet(face),
    reach: face.reach,
    matte: person.matte,
    person_normals: person.normals,
    person_crop: person.crop,
    depth: depthOf(person),
  }
  return {about, maps}
}

// Everything that belongs to a face's owner, on one crop, as illures_nb/person.py: matte, albedo
// and normals.
import {inverse, moved, scaleOf, then} from "../studio/affine.js"
import {toSrgb} from "../studio/colour.js"
import {blur, halved} from "../studio/filters.js"
import {filled, hull} from "./draw.js"
import {SIZE, WIDE} from "./facts.js"
import {rollMatrix, rollOf, turnedMap} from "./layers.js"
import {crop, interleaved, picture, planes, warped} from "./picture.js"
import {mean, movedAll} from "./points.js"
import {integrate} from "./surface.js"

const [NARROWEST, WIDEST] = [1.7, 4.2] // sides of the face's crop
const ROOM = 1.12 // times the photo's longer side: where all of it fits, all of it is seen
const RAISED = 0.04 // the face sits above the middle by this share of the side
const WITHIN = 0.25 // of a face's width: how far from its outline it is nothing else for sure
const COVERED = 0.3 // matte from which on a pixel is the person's

const clamp = (v, low, high) => Math.min(high, Math.max(low, v))

// ---- a face on the crop of its person

// photo px → px of a crop of head and shoulders, as wide as the photo allows
function wideTransform(photo, M) {
  const across = (ROOM * Math.max(photo.width, photo.height)) / (SIZE / scaleOf(M))
  const scale = WIDE / SIZE / clamp(across, NARROWEST, WIDEST)
  const shift = (WIDE - 1) / 2 - (scale * (SIZE - 1)) / 2
  return then(M, [
    [scale, 0, shift],
    [0, scale, shift - RAISED * WIDE],
  ])
}

// a map of the face's crop on the wide one, 0 beyond
function pasted(map, channels, M, transform) {
  const toWide = then(inverse(M), transform)
  const scale = scaleOf(toWide)
  const soft = Float32Array.from(map)
  if (scale < 1) blur(soft, SIZE, channels, 0.5 * Math.sqrt(1 / scale ** 2 - 1) + 1e-3)
  const nothing = new Array(channels).fill(0)
  return warped(picture(SIZE, SIZE, channels, soft), toWide, WIDE, WIDE, nothing).data
}

// the face as its landmarks bound it
function faceRegion(p) {
  const lift = 0.175 * Math.abs(p[45][0] - p[36][0])
  const brows = p.slice(17, 27).map(([x, y]) => [x, y - lift])
  const outline = [...p.slice(0, 17), ...brows].map(q => q.map(v => Math.round(v * 8) / 8))
  return blur(filled(hull(outline), WIDE, 8), WIDE, 1, 0.8)
}

// ---- the network

const plane = (map, channels) => {
  const out = new Float32Array(map.length)
  planes(picture(WIDE, WIDE, channels, map), out, 0, {})
  return [out, [1, channels, WIDE, WIDE]]
}

// the person around a face as the network says, normals in the photo's frame
export async function lookAround(networks, photo, {landmarks, M, maps}) {
  const transform = wideTransform(photo, M)
  const cut = crop(photo, transform, WIDE, Uint8ClampedArray).data
  const rgb = Float32Array.from(cut, v => v / 255)
  const albedo = pasted(maps.albedo, 3, M, transform).map(v => toSrgb(clamp(v, 0, 1)))
  const normals = pasted(maps.normals, 3, M, transform)
  const region = faceRegion(movedAll(landmarks, transform))
  const inputs = [plane(rgb, 3), plane(albedo, 3), plane(normals, 3), plane(region, 1)]
  const answer = await networks.run("portrait", inputs)
  const map = name => interleaved(answer[name].data, 0, WIDE, 3)
  return {
    size: WIDE,
    transform,
    crop: rgb,
    matte: answer.matte.data.map(v => 1 / (1 + Math.exp(-v))),
    albedo: map("albedo"),
    normals: turnedMap(map("normals"), rollMatrix(rollOf(transform))),
    faceSide: (SIZE * scaleOf(transform)) / scaleOf(M),
  }
}

// ---- the face's own maps hold inside the face

function withoutBorder(mask) {
  const isBorder = k => k < 2 || k >= SIZE - 2
  return mask.map((m, p) => (isBorder(p % SIZE) || isBorder(Math.floor(p / SIZE)) ? 0 : m))
}

function unit(map) {
  for (let i = 0; i < map.length; i += 3) {
    const length = Math.max(Math.hypot(map[i], map[i + 1], map[i + 2]), 1e-6)
    for (let c = 0; c < 3; c++) map[i + c] /= length
  }
  return map
}

// the least of a square about each pixel
function eroded(x, size, side) {
  const before = side >> 1
  const along = (map, step, other) => {
    const out = new Float32Array(map.length)
    for (let line = 0; line < size; line++) {
      for (let k = 0; k < size; k++) {
        let least = Infinity
        const end = Math.min(size, k - before + side)
        for (let i = Math.max(0, k - before); i < end; i++) {
          least = Math.min(least, map[line * other + i * step])
        }
        out[line * other + k * step] = least
      }
    }
    return out
  }
  return along(along(x, 1, size), size, 1)
}

export function withFace(person, {M, albedo, normals, mask}) {
  const {transform, size} = person
  const inner = unit(pasted(normals, 3, M, transform))
  const own = pasted(albedo, 3, M, transform)
  const inside = pasted(withoutBorder(mask), 1, M, transform)
  const share = inside.map(v => clamp(1.2 * v - 0.1, 0, 1)) // a little firmer
  const total = share.reduce((sum, v) => sum + v, 0)
  const surely = eroded(share, size, Math.max(3, Math.round(WITHIN * Math.sqrt(total))))
  const mixed = (ours, theirs) =>
    theirs.map((v, i) => {
      const k = share[Math.floor(i / 3)]
      return k * ours[i] + (1 - k) * v
    })
  return {
    ...person,
    matte: person.matte.map((v, p) => Math.max(v, surely[p])),
    albedo: mixed(own, person.albedo),
    normals: unit(mixed(inner, person.normals)),
  }
}

// ---- several persons of one photo

// how near a point of the photo is to a face, 0 to 1
function nearness({landmarks, side}, [x, y]) {
  const [a, b] = mean(landmarks)
  return Math.exp(-(((x - a) / side) ** 2) - ((y - b) / side) ** 2)
}

// divides among them what several claim
export function parted(persons, faces) {
  if (persons.length < 2) return persons
  return persons.map((person, k) => ({...person, matte: ownPart(k, persons, faces)}))
}

function ownPart(k, persons, faces) {
  const {size, transform, matte} = persons[k]
  const back = inverse(transform)
  const place = p => moved(back, [p % size, Math.floor(p / size)])
  const claims = matte.map((v, p) => v * nearness(faces[k], place(p)) + 1e-6)
  const total = claims.slice()
  persons.forEach((other, i) => {
    if (i === k) return
    const toHere = then(inverse(other.transform), transform)
    const theirs = warped(picture(size, size, 1, other.matte), toHere, size, size, [0]).data
    theirs.forEach((v, p) => {
      if (v > 0) total[p] += v * nearness(faces[i], place(p))
    })
  })
  return matte.map((v, p) => (v * claims[p]) / total[p])
}

// ---- its depth

// (half the side)² towards the viewer, in pixels of that
export function depthOf({size, normals, matte, transform}) {
  const upright = turnedMap(normals, rollMatrix(-rollOf(transform)))
  const half = unit(halved(upright, size, 3))
  const cover = halved(matte, size, 1)
  const weights = cover.map((v, p) => (v > COVERED ? v * Math.max(half[3 * p + 2], 0.15) : 0))
  return integrate(half, weights, size >> 1)
}

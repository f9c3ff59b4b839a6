// The search for faces in a photo, as illures_nb/detect.py: over contrasts, turns and sizes, with
// one reading a head. Faces: {landmarks, margin}, in px of the photo.
import {inverse, moved, then} from "../studio/affine.js"
import {allScales, proposeFaces} from "./cascade.js"
import {evened} from "./contrast.js"
import {VIEW, VIEW_SIZE} from "./facts.js"
import {refine} from "./landmarks.js"
import {byArea, byCubic, cutOut, resized, warped} from "./picture.js"
import {boxAbout, distance, mean, templateTransform, viewTransform} from "./points.js"

// ---- levels: a photo at another size, or turned, and the way there

const SAME = [
  [1, 0, 0],
  [0, 1, 0],
]

function shrunk(photo, long, least = 320) {
  const {width: w, height: h} = photo
  const longest = Math.max(w, h)
  const k = Math.min(long / longest, Math.max(1, Math.min(4, least / longest)))
  const [width, height] = [w, h].map(n => Math.max(1, Math.round(n * k)))
  const how = k < 1 ? byArea : byCubic
  const [x, y] = [width / w, height / h]
  return {
    picture: resized(photo, width, height, how),
    transform: [
      [x, 0, x / 2 - 0.5],
      [0, y, y / 2 - 0.5],
    ],
  }
}

const GREY = 96 // beyond a picture

const shift = (x, y) => [
  [1, 0, x],
  [0, 1, y],
]

// room about a head that fills the picture
function padded({picture, transform}) {
  const {width, height} = picture
  const p = Math.floor(Math.max(width, height) / 3)
  const wider = cutOut(picture, [-p, -p, width + p, height + p], GREY)
  return {picture: wider, transform: then(transform, shift(p, p))}
}

// anticlockwise about its middle, on a canvas that holds all of it
function turned({picture, transform}, degrees) {
  const {width: w, height: h} = picture
  const angle = (degrees * Math.PI) / 180
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  const width = Math.ceil(Math.abs(cos) * w + Math.abs(sin) * h - 1e-9)
  const height = Math.ceil(Math.abs(sin) * w + Math.abs(cos) * h - 1e-9)
  const [x, y] = [(w - 1) / 2, (h - 1) / 2]
  const turn = [
    [cos, sin, (1 - cos) * x - sin * y + (width - w) / 2],
    [-sin, cos, sin * x + (1 - cos) * y + (height - h) / 2],
  ]
  const beyond = [GREY, GREY, GREY]
  return {picture: warped(picture, turn, width, height, beyond), transform: then(transform, turn)}
}

// ---- views: photo px → px of the landmark network's view, where faces may be

const part = (from, to) => mean(VIEW.slice(from, to))
const FIVE = [part(36, 42), part(42, 48), VIEW[30], VIEW[48], VIEW[54]] // where MTCNN's points lie
const LENIENT = [0.6, 0.7, 0.6] // the least scores of MTCNN's networks
const STRICT = [0.6, 0.7, 0.7]
const SMALLEST = 24 // px of the smallest face that is looked for in a level
const SMALLEST_UPRIGHT = 20

const viewsOf = ({transform}, found) =>
  found.map(five => then(transform, viewTransform(five, FIVE)))

async function proposals(networks, level, smallest = SMALLEST, least = LENIENT) {
  const scales = allScales(level.picture, smallest)
  return viewsOf(level, await proposeFaces(networks, level.picture, scales, least))
}

// upright squares over a level: one a third larger, nine as large, nine of .7
function grid({picture: {width, height}, transform}) {
  const views = []
  for (const [side, count] of [
    [1.35, 1],
    [1, 3],
    [0.7, 3],
  ]) {
    const k = VIEW_SIZE / (side * Math.min(width, height))
    const places = n => Array.from({length: count}, (_, i) => ((n - 1) * (i + 1)) / (count + 1))
    for (const x of places(width)) {
      for (const y of places(height)) {
        views.push([
          [k, 0, 47.5 - k * x],
          [0, k, 47.5 - k * y],
        ])
      }
    }
  }
  return views.map(view => then(transform, view))
}

// ---- the landmark network says which views are faces, and whether they are upside down

const HALF_TURN = [
  [-1, 0, VIEW_SIZE - 1],
  [0, -1, VIEW_SIZE - 1],
]

async function judge(networks, levels, views, least) {
  const isSure = ({margin}) => margin > least
  const found = (await refine(networks, levels, views)).filter(isSure)
  const upsideDown = found.map(({points}) => then(viewTransform(points), HALF_TURN))
  const others = await refine(networks, levels, upsideDown)
  const both = [...found, ...others.filter(isSure)]
  return both.map(({points, margin}) => ({landmarks: points, margin}))
}

// ---- one reading a head

const HEAD = {middle: [0.5, 0.36], axes: [0.48, 0.6]} // its ellipse, in the template

function onHead(point, {landmarks}) {
  const [x, y] = moved(templateTransform(landmarks), point)
  const [a, b] = [(x - HEAD.middle[0]) / HEAD.axes[0], (y - HEAD.middle[1]) / HEAD.axes[1]]
  return Math.hypot(a, b) < 1
}

const middleOf = ({landmarks}) => mean([...landmarks.slice(17), landmarks[8]])

const isSameHead = (f, g) => onHead(middleOf(f), g) || onHead(middleOf(g), f)

// of those that read one head the best supported
function oneAHead(found) {
  const kept = []
  for (const face of [...found].sort((f, g) => g.margin - f.margin)) {
    if (!kept.some(other => isSameHead(face, other))) kept.push(face)
  }
  return kept
}

// ---- ever harder attempts to find somebody

const SURE = Math.log(0.9 / 0.1) // margin from which on no further attempt is made
const MARGIN = {upright: 1, padded: 1.5, small: 2, grid: 2.5, turned: 3} // that a face must have
const TURNS = [45, -45, 90, -90, 180, 135, -135]
const EVENED_TURNS = [60, -60, 120, -120, 180]
const ATTEMPTS = 5 + TURNS.length + EVENED_TURNS.length
const LONG = 480 // px of the long side of the level that is looked at first
const LOW = 400 // and of the one that later attempts work on

async function* attempts(networks, {small, full}) {
  yield [MARGIN.upright, await proposals(networks, small, SMALLEST_UPRIGHT, STRICT)]
  const low = shrunk(full.picture, LOW)
  const even = {...low, picture: evened(low.picture)}
  yield [MARGIN.upright, await proposals(networks, even, SMALLEST_UPRIGHT)]
  for (const level of [low, even]) yield [MARGIN.padded, await proposals(networks, padded(level))]
  const all = [
    ...TURNS.map(degrees => [low, degrees]),
    ...EVENED_TURNS.map(degrees => [even, degrees]),
  ]
  for (const [level, degrees] of all) {
    yield [MARGIN.turned, await proposals(networks, turned(level, degrees))]
  }
  yield [MARGIN.grid, grid(small)]
}

async function firstFound(networks, levels, tell) {
  let found = []
  let count = 0
  for await (const [least, views] of attempts(networks, levels)) {
    found = oneAHead([...found, ...(await judge(networks, levels, views, least))])
    if (found.some(({margin}) => margin > SURE)) break
    await tell(++count / ATTEMPTS)
  }
  return found
}

// ---- smaller faces, over the whole photo, from coarse to fine

const TILE = 1024 // px
const OVERLAP = 64 // how far a tile reaches into the next
const FLAT = 16 // range of levels below which a tile is sky or wall
const SMALL_SCALES = [12 / 20, 12 / 28] // at which faces of 20 and of 28 px fill a window
const PORTRAIT_ZOOM = 20 / 80 // a portrait is searched for faces of 80 px and more
const PORTRAIT_SHARE = 1 / 8 // of the short side that one face alone fills in a portrait

function zooms(first) {
  const count = first < 1 ? Math.ceil(Math.log2(1 / first) - 0.3) : 0
  return Array.from({length: count}, (_, k) => 2 ** -(count - 1 - k))
}

function* tiles({width, height}, zoom) {
  const step = (TILE - OVERLAP) / zoom
  for (let y = 0; y < Math.max(height - OVERLAP / zoom, 1); y += step) {
    for (let x = 0; x < Math.max(width - OVERLAP / zoom, 1); x += step) {
      const [right, bottom] = [x, y].map(v => Math.ceil(v + TILE / zoom))
      yield [Math.floor(x), Math.floor(y), Math.min(width, right), Math.min(height, bottom)]
    }
  }
}

function tileLevel(photo, tile, zoom) {
  const [x0, y0, x1, y1] = tile
  const {picture, transform} = shrunk(cutOut(photo, tile), Math.max(x1 - x0, y1 - y0) * zoom, 0)
  return {picture, transform: then(shift(-x0, -y0), transform)}
}

function isFlat({data}) {
  let [low, high] = [255, 0]
  for (const v of data) {
    if (v < low) low = v
    if (v > high) high = v
  }
  return high - low < FLAT
}

async function smallProposals(networks, level, known) {
  if (isFlat(level.picture)) return []
  const back = inverse(level.transform)
  const isUnknown = at => !known.some(face => onHead(moved(back, at), face))
  const args = [SMALL_SCALES, STRICT, isUnknown]
  return viewsOf(level, await proposeFaces(networks, level.picture, ...args))
}

function isPortrait(found, {width, height}) {
  if (found.length !== 1) return false
  const [{landmarks}] = found
  const tall = distance(mean([landmarks[19], landmarks[24]]), landmarks[8])
  return tall > PORTRAIT_SHARE * Math.min(width, height)
}

async function withSmaller(networks, levels, found) {
  const {picture} = levels.full
  for (const zoom of zooms(levels.small.transform[0][0])) {
    if (zoom > PORTRAIT_ZOOM && isPortrait(found, picture)) break
    for (const tile of tiles(picture, zoom)) {
      const views = await smallProposals(networks, tileLevel(picture, tile, zoom), found)
      found = oneAHead([...found, ...(await judge(networks, levels, views, MARGIN.small))])
    }
  }
  return found
}

// ---- all of it

const extent = ({landmarks}) => {
  const [x0, y0, x1, y1] = boxAbout(landmarks)
  return Math.max(x1 - x0, y1 - y0)
}

// faces of a photo, the biggest first; `tell` hears how far a longer search is
export async function findFaces(networks, photo, tell = () => {}) {
  const levels = {small: shrunk(photo, LONG), full: {picture: photo, transform: SAME}}
  const found = await withSmaller(networks, levels, await firstFound(networks, levels, tell))
  return found.sort((f, g) => extent(g) - extent(f))
}

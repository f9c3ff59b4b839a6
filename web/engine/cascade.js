// Proposals of faces by MTCNN's three networks, as illures_nb/cascade.py. Boxes: left, top, right,
// bottom.
import {byArea, cutOut, resized} from "./picture.js"

const SMALLER = 0.709 // from a scale to the next
const WINDOW = 12 // px of the first network's

// at which faces from `smallest` px to the whole picture fill a window
export function allScales({width, height}, smallest) {
  const steps = Math.log(Math.min(width, height) / smallest) / Math.log(1 / SMALLER)
  const count = Math.max(0, Math.floor(steps) + 1)
  return Array.from({length: count}, (_, k) => (WINDOW / smallest) * SMALLER ** k)
}

// ---- boxes

function overlap([a, b, c, d], [e, f, g, h]) {
  const width = Math.min(c, g) - Math.max(a, e)
  const height = Math.min(d, h) - Math.max(b, f)
  if (width <= 0 || height <= 0) return 0
  const both = width * height
  return both / ((c - a) * (d - b) + (g - e) * (h - f) - both)
}

// without those that overlap a surer one; `boxOf` what is looked at of each
function thinned(found, most, boxOf = ({box}) => box) {
  const kept = []
  const surest = [...found].sort((a, b) => b.score - a.score)
  for (const one of surest) {
    if (kept.every(other => overlap(boxOf(one), boxOf(other)) <= most)) kept.push(one)
  }
  return kept
}

function movedBox({box, moves}) {
  const sides = [box[2] - box[0], box[3] - box[1]]
  return box.map((v, k) => v + moves[k] * sides[k & 1])
}

// squares about the middles of boxes, without tiny ones and those beside the picture
function squared({width, height}, boxes) {
  const squares = boxes.map(([x0, y0, x1, y1]) => {
    const half = Math.max(x1 - x0, y1 - y0) / 2
    const [x, y] = [(x0 + x1) / 2, (y0 + y1) / 2]
    return [x - half, y - half, x + half, y + half].map(Math.round)
  })
  const within = ([x0, y0, x1, y1]) => x1 > 1 && y1 > 1 && x0 < width - 2 && y0 < height - 2
  return squares.filter(box => within(box) && box[2] - box[0] >= 6)
}

// ---- networks

// a picture's numbers as the networks want them: width before height
function turnedInto(out, start, {width, height, data}) {
  for (let x = 0, o = start; x < width; x++) {
    for (let y = 0; y < height; y++) {
      const p = 3 * (y * width + x)
      for (let c = 0; c < 3; c++) out[o++] = (data[p + c] - 127.5) / 128
    }
  }
}

// windows of one scale that the first network takes for faces
async function windows(networks, image, scale, least) {
  const width = Math.ceil(image.width * scale)
  const height = Math.ceil(image.height * scale)
  if (Math.min(width, height) < WINDOW) return []
  const numbers = new Float32Array(3 * width * height)
  turnedInto(numbers, 0, resized(image, width, height, byArea))
  const {conv2d_4: moves, softmax} = await networks.pnet(numbers, [1, width, height, 3])
  const [, columns, rows] = softmax.dims
  const found = []
  for (let x = 0, k = 0; x < columns; x++) {
    for (let y = 0; y < rows; y++, k++) {
      const score = softmax.data[2 * k + 1]
      if (score < least) continue
      const box = [2 * x + 1, 2 * y + 1, 2 * x + WINDOW, 2 * y + WINDOW].map(v => v / scale)
      found.push({box, score, moves: moves.data.slice(4 * k, 4 * k + 4)})
    }
  }
  return thinned(found, 0.5)
}

async function proposals(networks, image, scales, least) {
  const found = []
  for (const scale of scales) found.push(...(await windows(networks, image, scale, least)))
  return squared(image, thinned(found, 0.7).map(movedBox))
}

// squares of a picture, all at one size
function patches(image, squares, side) {
  const numbers = new Float32Array(squares.length * 3 * side * side)
  squares.forEach(([x0, y0, x1, y1], k) => {
    const part = cutOut(image, [x0, y0, x1 + 1, y1 + 1])
    turnedInto(numbers, 3 * side * side * k, resized(part, side, side, byArea))
  })
  return [numbers, [squares.length, side, side, 3]]
}

async function refined(networks, image, squares, least) {
  const {dense_2: moves, softmax_1: face} = await networks.rnet(...patches(image, squares, 24))
  const found = squares.map((box, k) => ({
    box,
    score: face.data[2 * k + 1],
    moves: moves.data.slice(4 * k, 4 * k + 4),
  }))
  const kept = thinned(found.filter(({score}) => score > least), 0.7)
  return squared(image, kept.map(movedBox))
}

async function fivePoints(networks, image, squares, least) {
  const answer = await networks.onet(...patches(image, squares, 48))
  const {dense_5: moves, dense_6: points, softmax_2: face} = answer
  const found = squares.map((box, k) => ({
    box,
    score: face.data[2 * k + 1],
    moves: moves.data.slice(4 * k, 4 * k + 4),
    shares: points.data.slice(10 * k, 10 * k + 10),
  }))
  const kept = thinned(found.filter(({score}) => score > least), 0.6, movedBox)
  return kept.map(({box: [x0, y0, x1, y1], shares}) =>
    Array.from({length: 5}, (_, k) => [
      x0 + shares[k] * (x1 - x0),
      y0 + shares[k + 5] * (y1 - y0),
    ]),
  )
}

function isFlat(points) {
  return [0, 1].some(c => {
    const values = points.map(p => p[c])
    return Math.max(...values) - Math.min(...values) <= 1
  })
}

// Five points of each face: eyes, tip of the nose, corners of the mouth. `least` scores of the
// three networks; `wanted` says of the middle of a square whether it is looked at.
export async function proposeFaces(networks, image, scales, least, wanted = () => true) {
  const middle = ([x0, y0, x1, y1]) => [(x0 + x1) / 2, (y0 + y1) / 2]
  const proposed = await proposals(networks, image, scales, least[0])
  const squares = proposed.filter(box => wanted(middle(box)))
  const fewer = squares.length ? await refined(networks, image, squares, least[1]) : []
  const found = fewer.length ? await fivePoints(networks, image, fewer, least[2]) : []
  return found.filter(points => !isFlat(points))
}

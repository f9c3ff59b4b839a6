// 68 points of a face, and how sure it is that it is one: three passes of a small network, as
// illures_nb/landmarks.py. Levels: {small, full}, each {picture, transform: photo px → its px}.
import {inverse, scaleOf, then} from "../studio/affine.js"
import {FLIP_68, VIEW, VIEW_SIZE} from "./facts.js"
import {crop, planes} from "./picture.js"
import {distance, movedAll, viewTransform} from "./points.js"

const AT_ONCE = 32 // views
const HOPELESS = -1 // logit of a first pass at which a view is dropped
const BLURRED = 1.7 // px of the view for one of the small picture, by area

// from the small picture, unless that would blur it
function viewOf({small, full}, view) {
  const fromSmall = then(inverse(small.transform), view)
  const isSharp = scaleOf(fromSmall) ** 2 < BLURRED
  return isSharp ? crop(small.picture, fromSmall, VIEW_SIZE) : crop(full.picture, view, VIEW_SIZE)
}

const mirroredPoints = points => FLIP_68.map(k => [1 - points[k][0], points[k][1]])

// one answer of the network for each view: points in its unit square, and the logit
async function predicted(networks, pictures, mirror) {
  const area = 3 * VIEW_SIZE * VIEW_SIZE
  const numbers = new Float32Array(pictures.length * area)
  const how = {mirror, scale: 1 / 255}
  pictures.forEach((picture, k) => planes(picture, numbers, k * area, how))
  const dims = [pictures.length, 3, VIEW_SIZE, VIEW_SIZE]
  const {points, score} = await networks.landmarks(numbers, dims)
  return pictures.map((_, k) => {
    const at = 136 * k
    const found = VIEW.map((_, i) => [points.data[at + 2 * i], points.data[at + 2 * i + 1]])
    return {points: mirror ? mirroredPoints(found) : found, logit: score.data[k]}
  })
}

// one pass over views, and over their mirror images if asked
async function lookAt(networks, levels, views, mirror) {
  const pictures = views.map(view => viewOf(levels, view))
  const straight = await predicted(networks, pictures, false)
  const other = mirror ? await predicted(networks, pictures, true) : straight
  return views.map((view, k) => {
    const [one, two] = [straight[k], other[k]]
    const middle = one.points.map((p, i) =>
      p.map((v, c) => ((v + two.points[i][c]) / 2) * VIEW_SIZE - 0.5),
    )
    const off = one.points.map((p, i) => distance(p, two.points[i]))
    return {
      points: movedAll(middle, inverse(view)),
      logit: Math.min(one.logit, two.logit),
      disagreement: average(off),
    }
  })
}

const average = values => values.reduce((sum, v) => sum + v, 0) / values.length

// landmarks and margins of roughly placed views, hopeless ones left out
export async function refine(networks, levels, views) {
  const found = []
  for (let k = 0; k < views.length; k += AT_ONCE) {
    found.push(...(await refineSome(networks, levels, views.slice(k, k + AT_ONCE))))
  }
  return found
}

async function refineSome(networks, levels, views) {
  const first = await lookAt(networks, levels, views, false)
  const hopeful = first.filter(({logit}) => logit > HOPELESS)
  if (!hopeful.length) return []
  const second = await again(networks, levels, hopeful)
  const third = await again(networks, levels, second)
  return third.map(({points, logit, disagreement}, k) => {
    const eyes = distance(points[36], points[45])
    const wandered = average(points.map((p, i) => distance(p, second[k].points[i]))) / eyes
    const least = Math.min(logit, second[k].logit)
    return {points, margin: least - 30 * wandered - 20 * disagreement}
  })
}

const again = (networks, levels, found) =>
  lookAt(networks, levels, found.map(({points}) => viewTransform(points)), true)

// The pointer on the picture: the light follows it, or the brush does.
import {inverse, moved, scaleOf} from "./affine.js"
import {ballDirection} from "./ball.js"
import {arrowStep} from "./dom.js"
import {studio} from "./studio.js"

const MOST = 75 // degrees from the camera that a drag moves a light: beyond is darkness
// the ball that a face is taken for, in sides of the crop
const HEAD = {x: 0.5, y: 0.52, radius: 0.55}

export function followPointer(stage) {
  listen(stage.canvas, stage)
  listen(stage.map, stage)
  stage.canvas.addEventListener("keydown", event => {
    const step = arrowStep(event)
    if (!step) return
    event.preventDefault()
    studio.calm()
    studio.step(...step)
  })
  studio.on("cursor", (event, share) => placeRing(stage, event, share))
}

function listen(surface, stage) {
  const {canvas, hint} = stage
  const brush = (what, event) => studio.tell("brush", what, cropPlace(event, canvas), event)
  surface.addEventListener("pointerdown", event => {
    if (event.button) return
    studio.calm()
    hint.hidden = true
    surface.setPointerCapture(event.pointerId)
    if (studio.tool === "light") drag(event, stage)
    else if (surface === canvas) brush("down", event)
  })
  surface.addEventListener("pointermove", event => {
    const held = surface.hasPointerCapture(event.pointerId)
    if (studio.tool !== "light") brush(held ? "move" : "over", event)
    else if (held) drag(event, stage)
  })
  surface.addEventListener("lostpointercapture", event => {
    if (studio.tool === "light") studio.remember()
    else brush("up", event)
  })
  surface.addEventListener("pointerleave", () => studio.tell("brush", "out"))
}

// ---- the light

function drag(event, {canvas, map, enlarged}) {
  const direction = enlarged ? onBall(event, map) : onFace(event, canvas)
  studio.hold(...direction)
}

// share of an element's width and height
function shareOf(event, element) {
  const {left, top, width, height} = element.getBoundingClientRect()
  return [(event.clientX - left) / width, (event.clientY - top) / height]
}

// pointer → direction of the light: an enlarged map is taken for a ball
function onBall(event, map) {
  const [x, y] = shareOf(event, map)
  return ballDirection(2 * x - 1, 1 - 2 * y, MOST)
}

// pointer → direction of the light: the face is taken for a ball
function onFace(event, canvas) {
  const {face, seen} = studio
  const [u, v] = shareOf(event, canvas)
  const {M} = face.place(seen)
  const [x, y] = moved(inverse(M), [HEAD.x * face.size, HEAD.y * face.size])
  const radius = (HEAD.radius * face.size) / scaleOf(M)
  return ballDirection((u * seen.width - x) / radius, (y - v * seen.height) / radius, MOST)
}

// ---- the brush

// pointer → place in the crop, in sides
function cropPlace(event, canvas) {
  const {face, seen} = studio
  const {left, top, width, height} = canvas.getBoundingClientRect()
  const x = ((event.clientX - left) * seen.width) / width - 0.5
  const y = ((event.clientY - top) * seen.height) / height - 0.5
  return moved(face.place(seen).M, [x, y]).map(v => (v + 0.5) / face.size)
}

// a ring about the pointer, `share` of the crop's side wide; no event hides it
function placeRing({$, canvas}, event, share) {
  const ring = $(".cursor")
  ring.hidden = !event
  if (!event) return
  const {left, top, width} = canvas.getBoundingClientRect()
  const {face, seen} = studio
  const inView = (share * face.size) / scaleOf(face.place(seen).M)
  const size = (inView * width) / seen.width
  ring.style.left = event.clientX - left + "px"
  ring.style.top = event.clientY - top + "px"
  ring.style.width = size + "px"
  ring.style.height = size + "px"
}

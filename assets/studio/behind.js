// What is put behind the person, drawn on a view of the photo.
import {inverse} from "./affine.js"
import {element} from "./dom.js"

const SQUARE = 12 // side of the squares that stand for nothing at all, px
const PALE = ["#ffffff", "#d0d0d0"]

// on a view, {width, height, back: view px → photo px}; `size` is the photo's
export function behindOn(view, size, {kind, colour}, image) {
  const {width, height} = view
  const canvas = element("canvas", {width, height})
  const context = canvas.getContext("2d")
  if (kind === "picture") fill(context, view, size, image)
  else {
    context.fillStyle = kind === "colour" ? colour : squares(context)
    context.fillRect(0, 0, width, height)
  }
  return canvas
}

function squares(context) {
  const tile = element("canvas", {width: 2 * SQUARE, height: 2 * SQUARE})
  const pen = tile.getContext("2d")
  PALE.forEach((colour, k) => {
    pen.fillStyle = colour
    pen.fillRect(k * SQUARE, 0, SQUARE, SQUARE)
    pen.fillRect((1 - k) * SQUARE, SQUARE, SQUARE, SQUARE)
  })
  return context.createPattern(tile, "repeat")
}

// the middle of a picture, as much as fills the photo, as `backdrop` of illures_nb/recompose.py
function fill(context, {back}, [width, height], image) {
  const {naturalWidth: w, naturalHeight: h} = image
  const k = Math.max(width / w, height / h)
  const [left, top] = [(width - k * w) / 2, (height - k * h) / 2]
  const [[a, , c], [, e, f]] = inverse(back) // between centres of pixels, not corners
  const [right, down] = [a * (left - 0.5) + c + 0.5, e * (top - 0.5) + f + 0.5]
  context.setTransform(a * k, 0, 0, e * k, right, down)
  context.imageSmoothingQuality = "high"
  context.drawImage(image, 0, 0)
}

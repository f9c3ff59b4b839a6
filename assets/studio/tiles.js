// The layers at one glance: the photo, the maps and the light as tiles; a press enlarges one.
import * as sh from "./sh.js"
import {drawBall, paper} from "./ball.js"
import {element, seldom} from "./dom.js"
import {SIDE} from "./paint.js"
import {encode} from "./colour.js"
import {studio} from "./studio.js"

const CALM = 120 // ms between pictures of the tiles while the light moves
const PHOTO_SIDE = 192 // of the photo's tile, px

// name, title, what it is in short, what it is
const TILES = [
  ["photo", "Photo", "as it was found", "The face as it was found in the photo."],
  ["albedo", "Albedo", "its own colour", "Albedo: the skin's own colour, without any light."],
  [
    "normals",
    "Normals",
    "where the skin faces",
    "Normals: where the skin faces. Red is right, green is up, blue is to you.",
  ],
  [
    "shading",
    "Shading",
    "light on the shape",
    "Shading: the light as it falls on this shape, were it white.",
  ],
  [
    "residual",
    "Residual",
    "shine, cast shadows",
    "Residual: shine and cast shadows, all that shading cannot say. Grey is nothing.",
  ],
  ["reconstruction", "Rebuilt", "all put together", "Rebuilt: albedo × shading + residual."],
  ["light", "Light", "on a white ball", "Light: the same light on a white ball."],
]

// number i of a map → sRGB byte; `top` is the brightest that the light makes white
const BYTES = {
  albedo: ({maps}, i) => encode(maps.albedo[i]),
  normals: ({maps}, i) => 127.5 * (maps.normals[i] + 1),
  shading: ({relit}, i, top) => encode(relit.literal[i] / top),
  residual: ({maps, relit}, i) =>
    255 * (relit.rendering[i] - maps.albedo[i] * relit.literal[i] + 0.5),
  reconstruction: ({relit}, i) => encode(relit.rendering[i]),
}

export class Tiles {
  tiles = new Map() // name → {tile, picture}
  drawn = new Map() // name → what the tile was drawn from

  constructor(stage) {
    this.stage = stage
    for (const [name, ...texts] of TILES) this.add(name, ...texts)
    const draw = () => {
      if (studio.seen) this.draw()
    }
    studio.on("drawn", seldom(CALM, draw))
  }

  add(name, title, brief, text) {
    const tile = element("button", {className: `tile ${name}`, ariaPressed: false, title: text})
    const picture = element("canvas", {ariaLabel: text})
    const caption = element("span")
    caption.innerHTML = `<b>${title}</b> <small>${brief}</small>`
    picture.setAttribute("role", "img")
    tile.append(picture, caption)
    tile.onclick = () => this.press(name)
    this.stage.$(".strip").append(tile)
    this.tiles.set(name, {tile, picture})
  }

  press(name) {
    const again = this.stage.enlarged === name
    this.enlarge(again || name === "photo" ? null : name)
  }

  enlarge(name) {
    const {stage} = this
    stage.enlarged = name
    stage.map.hidden = !name
    stage.$(".what").textContent = TILES.find(tile => tile[0] === name)?.[3] ?? ""
    for (const [key, {tile}] of this.tiles) tile.ariaPressed = key === name
    if (name) this.draw()
  }

  // ---- drawing

  draw() {
    const {face} = studio
    const now = sourcesOf(face)
    if (!face.lines) face.relight()
    for (const [name, {picture}] of this.tiles) {
      const last = this.drawn.get(name)
      if (now[name] && last?.face === face && last.from === now[name]) continue
      this.drawn.set(name, {face, from: now[name]})
      drawTile(picture, name, face)
    }
    const {enlarged, map} = this.stage
    if (enlarged) copy(this.tiles.get(enlarged).picture, map)
  }
}

// what the tiles are drawn from that do not follow the light
function sourcesOf({maps, paint, painted}) {
  const albedo = painted ? paint.ratio.version : maps
  return {photo: studio.seen, albedo, normals: maps}
}

function drawTile(picture, name, face) {
  const {seen} = studio
  if (name === "light") return drawBall(picture, face.light)
  if (name === "photo") return drawPhoto(picture, face.place(seen).M, face.size, seen.image)
  if (name === "albedo" && face.painted) {
    return paper(picture, SIDE).putImageData(cut(face.paint.shown, face), 0, 0)
  }
  drawMap(picture, face, BYTES[name])
}

function drawMap(picture, face, byte) {
  const {maps, size} = face
  const context = paper(picture, size)
  const image = context.createImageData(size, size)
  const top = Math.max(1, sh.peak(face.light))
  for (let p = 0, i = 0; p < size * size; p++, i += 4) {
    for (let c = 0; c < 3; c++) image.data[i + c] = byte(face, 3 * p + c, top)
    image.data[i + 3] = 255 * maps.mask[p]
  }
  context.putImageData(image, 0, 0)
}

// the face of the photo in the crop's frame
function drawPhoto(picture, M, size, image) {
  const k = PHOTO_SIDE / size
  const context = paper(picture, PHOTO_SIDE)
  const [right, down] = [k * (M[0][2] + 0.5), k * (M[1][2] + 0.5)]
  context.setTransform(k * M[0][0], k * M[1][0], k * M[0][1], k * M[1][1], right, down)
  context.drawImage(image, -0.5, -0.5)
}

// fine pixels with the mask of the crop
function cut({data, width}, {maps, size}) {
  const out = new ImageData(new Uint8ClampedArray(data), width)
  const k = size / width
  for (let p = 0; p < width * width; p++) {
    const row = ((p / width) * k) | 0
    const column = ((p % width) * k) | 0
    out.data[4 * p + 3] = 255 * maps.mask[row * size + column]
  }
  return out
}

// a tile, enlarged
function copy(picture, map) {
  const context = paper(map, picture.width)
  context.clearRect(0, 0, map.width, map.height)
  context.drawImage(picture, 0, 0)
}

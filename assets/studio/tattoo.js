// A picture of the visitor's on the skin: chosen from a file, then dragged to its place.
import {element} from "./dom.js"
import {SIDE, layer, picture} from "./paint.js"
import {studio} from "./studio.js"

const PLACE = {x: 0.3, y: 0.6, size: 0.22, angle: 0} // where it comes first, in sides of the crop

export class Tattoo {
  constructor(panel, tools) {
    this.panel = panel
    this.tools = tools
    this.file = panel.$(".decal")
    this.button = element("button", {
      textContent: "Tattoo …",
      title: "A picture of yours, laid on the skin",
    })
    this.button.onclick = () => this.file.click()
    this.file.onchange = () => this.open()
  }

  async open() {
    const {file, panel, tools} = this
    const [chosen] = file.files
    const {face} = studio
    file.value = ""
    if (!chosen || !face?.paint) return
    const url = URL.createObjectURL(chosen)
    try {
      studio.addLayer(tattooed(face, await smallPicture(url)))
      tools.use("brush")
      panel.tell("Drag on the face to move the tattoo.")
    } catch {
      panel.tell(`${chosen.name} is no picture that this browser can open.`)
    }
    URL.revokeObjectURL(url)
  }
}

// a picture no larger than a layer
async function smallPicture(url) {
  const {width, height} = await picture(url)
  const k = Math.min(1, SIDE / Math.max(width, height))
  const side = length => Math.max(1, Math.round(k * length))
  return picture(url, side(width), side(height))
}

function tattooed(face, image) {
  const pixels = face.paint.decal(image, PLACE)
  const place = {...PLACE}
  return layer({kind: "decal", name: "Tattoo", blend: "multiply", picture: image, place, pixels})
}

export function moveTattoo(id, changed, remember = false) {
  const {face} = studio
  const tattoo = face.layers.find(o => o.id === id)
  const place = {...tattoo.place, ...changed}
  studio.changeLayer(id, {place, pixels: face.paint.decal(tattoo.picture, place)}, remember)
}

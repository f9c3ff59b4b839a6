// Strokes of the brush, the eraser and the healing brush, on a layer of their own or on the one
// that is chosen.
import {SIDE, blank, dab, hex, layer, rgb} from "./paint.js"
import {studio} from "./studio.js"
import {moveTattoo} from "./tattoo.js"

const PICK = 0.015 // width of the ring while a colour is picked, in sides of the crop
const KINDS = {brush: "paint", heal: "heal"} // tool → kind of the layer that it paints on

export class Strokes {
  stroke = null // the one that is being made

  constructor(panel, tools) {
    this.panel = panel
    this.tools = tools
  }

  // the pointer over the picture; `at` in sides of the crop
  follow(what, at, event) {
    const {panel, tools} = this
    if (what === "out") return studio.cursor(null)
    studio.cursor(event, tools.tool === "pick" ? PICK : tools.size)
    if (what === "over") return
    if (!studio.face.paint) {
      if (what === "down") panel.tell("The paint is still being made ready.")
      return
    }
    if (what === "down") this.begin(at)
    else if (what === "move" && this.stroke) this.go(at)
    else if (what === "up" && this.stroke) this.end()
  }

  begin(at) {
    const {panel, tools} = this
    const chosen = studio.chosenLayer
    panel.tell("")
    if (tools.tool === "pick") return this.pick(at)
    if (tools.tool === "brush" && chosen?.kind === "decal") {
      this.stroke = {tattoo: chosen}
    } else {
      const target = this.target(chosen)
      if (!target) return
      this.stroke = strokeOn(target, texel(at))
    }
    this.go(at)
  }

  pick(at) {
    const [x, y] = texel(at).map(Math.round)
    if (x >= 0 && y >= 0 && x < SIDE && y < SIDE) {
      const i = 4 * (y * SIDE + x)
      this.tools.setColour(hex(studio.face.paint.shown.data.subarray(i, i + 3)))
    }
    this.tools.use("brush")
  }

  // the layer that is painted on, or erased from: the one that is chosen if it fits
  target(chosen) {
    const {panel, tools} = this
    const kind = KINDS[tools.tool]
    if (!kind) {
      if (!chosen?.pixels) panel.tell("Choose the layer to erase from.")
      return chosen?.pixels ? chosen : null
    }
    if (chosen?.kind === kind && chosen.pixels) return chosen
    if (!panel.hasRoom()) return null
    const fresh = layer({kind, name: freshName(kind), pixels: blank(), blend: "colour"})
    studio.startLayer(fresh)
    return fresh
  }

  go(at) {
    const {stroke} = this
    if (stroke.tattoo) return moveTattoo(stroke.tattoo.id, {x: at[0], y: at[1]})
    const box = this.dabs(stroke, texel(at))
    studio.changeLayer(stroke.target.id, {pixels: stroke.to}, false, box)
  }

  // dabs from where the stroke was to a place; what they cover
  dabs(stroke, place) {
    const {from, to, cover, last} = stroke
    const radius = (this.tools.size * SIDE) / 2
    const length = Math.hypot(place[0] - last[0], place[1] - last[1])
    const steps = Math.max(1, Math.ceil(length / Math.max(1, radius / 3)))
    const tint = this.tint()
    let box = null
    for (let i = 1; i <= steps; i++) {
      const at = [0, 1].map(c => last[c] + ((place[c] - last[c]) * i) / steps)
      box = union(box, dab(to, from, cover, at, radius, this.tools.soft, tint))
    }
    stroke.last = place
    return box
  }

  // R, G, B of a dab; null takes paint away
  tint() {
    const {tool, colour} = this.tools
    if (tool === "erase") return null
    return tool === "heal" ? [255, 255, 255] : rgb(colour)
  }

  end() {
    this.stroke = null
    studio.tell("layers")
    studio.remember()
  }
}

// sides of the crop → px of a layer
const texel = at => at.map(v => v * SIDE - 0.5)

function strokeOn(target, last) {
  const from = target.pixels
  return {target, from, to: from.slice(), cover: new Float32Array(SIDE * SIDE), last}
}

function freshName(kind) {
  if (kind === "heal") return "Healed"
  const painted = studio.face.layers.filter(o => o.kind === "paint")
  return `Paint ${painted.length + 1}`
}

function union(a, b) {
  if (!a) return b
  const [x0, y0] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])]
  return [x0, y0, Math.max(a[2], b[2]), Math.max(a[3], b[3])]
}

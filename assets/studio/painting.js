// Paint: ready touches, brush, eraser, colour picker, healing, a tattoo to place, and the layers
// they make.
import {LayerList} from "./layers.js"
import {Strokes} from "./strokes.js"
import {studio} from "./studio.js"
import {Tattoo} from "./tattoo.js"
import {Tools} from "./tools.js"
import {Touches} from "./touches.js"

// What the parts of the panel share
class Panel {
  constructor(root, most) {
    this.most = most // layers that the package paints
    this.$ = selector => root.querySelector(selector)
    this.all = selector => [...root.querySelectorAll(selector)]
  }

  tell(what) {
    this.$(".status").textContent = what
  }

  // whether another layer can be painted; says so if not
  hasRoom() {
    const room = studio.face.layers.length < this.most
    if (!room) this.tell(`More than ${this.most} layers are too many: delete one.`)
    return room
  }
}

export function mount(root, {props}) {
  const panel = new Panel(root, props.most)
  const tools = new Tools(panel)
  const strokes = new Strokes(panel, tools)
  const tattoo = new Tattoo(panel, tools)
  const touches = new Touches(panel, tattoo.button)
  const layers = new LayerList(panel)
  studio.on("panel", () => tools.arm())
  studio.on("brush", (...event) => strokes.follow(...event))
  studio.on("layers", () => {
    touches.draw()
    layers.draw()
  })
}

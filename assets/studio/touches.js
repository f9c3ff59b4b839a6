// Ready touches: a press paints one, another takes it away again.
import {element, refill} from "./dom.js"
import {studio} from "./studio.js"

const TITLES = {tone: "Skin tone", blemishes: "No blemishes"} // the others are called as they are

const titled = name => TITLES[name] ?? name[0].toUpperCase() + name.slice(1)

export class Touches {
  constructor(panel, tattooButton) {
    this.panel = panel
    this.tattooButton = tattooButton
  }

  draw() {
    const ready = Object.entries(studio.face?.touches ?? {})
    const buttons = ready.map(([name, touch]) => this.button(name, touch))
    refill(this.panel.$(".touches"), ...buttons, this.tattooButton)
  }

  button(name, touch) {
    const there = studio.face.layers.find(layer => layer.touch === name)
    const button = element("button", {textContent: titled(name), ariaPressed: Boolean(there)})
    button.onclick = () => (there ? studio.removeLayer(there.id) : this.add(name, touch))
    return button
  }

  async add(name, touch) {
    if (!this.panel.hasRoom()) return
    await studio.addTouch({...touch, touch: name, name: titled(name)})
  }
}

// What the pointer does on the picture, and with which colour, size and edge.
import {element, valueOf} from "./dom.js"
import {studio} from "./studio.js"

const SWATCHES = ["#b0243c", "#d9798b", "#7a4a2f", "#2b1d16", "#3f6fb5", "#e8b923", "#f2e6dc"]

export class Tools {
  tool = "brush"
  colour = SWATCHES[0]
  size = 0.06 // of the brush, in sides of the crop
  soft = 0.6 // its edge, 0 (hard) to 1

  constructor({$, all}) {
    this.buttons = all(".tools button")
    this.picker = $(".brush input[type=color]")
    this.swatches = SWATCHES.map(colour => this.swatch(colour))
    for (const button of this.buttons) button.onclick = () => this.use(button.dataset.tool)
    this.picker.oninput = () => {
      this.setColour(this.picker.value)
      if (this.tool !== "brush") this.use("brush")
    }
    $(".swatches").append(...this.swatches)
    this.setColour(this.colour)
    this.listen($(".brush input[name=size]"), 100, percent => `${percent} %`)
    this.listen($(".brush input[name=soft]"), 1, soft => Number(soft).toFixed(2))
  }

  // the pointer paints while this panel is in front
  arm() {
    const tool = studio.panel === "paint" ? this.tool : "light"
    if (tool === "light") studio.cursor(null)
    for (const button of this.buttons) button.ariaPressed = button.dataset.tool === this.tool
    studio.useTool(tool)
  }

  use(tool) {
    this.tool = tool
    this.arm()
  }

  // ---- colour

  setColour(colour) {
    this.picker.value = colour
    this.colour = colour
    for (const swatch of this.swatches) swatch.ariaPressed = swatch.title === colour
  }

  swatch(colour) {
    const button = element("button", {title: colour, ariaLabel: `Colour ${colour}`})
    button.style.background = colour
    button.onclick = () => {
      this.setColour(colour)
      this.use("brush")
    }
    return button
  }

  // ---- size and edge

  listen(slider, unit, written) {
    const show = () => {
      valueOf(slider).textContent = written(slider.value)
    }
    slider.oninput = () => {
      this[slider.name] = slider.value / unit
      show()
    }
    show()
  }
}

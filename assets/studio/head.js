// The head of the chosen face: turned by hand, in the light of the picture, smiling by a slider.
// The server is asked for it once, when the tab is opened; from then on the page draws it.
import {arrowStep, valueOf} from "./dom.js"
import {HeadDrawing} from "./headgl.js"
import {HeadMesh} from "./headmesh.js"
import {fetchImage, unpack} from "./server.js"
import {studio} from "./studio.js"

const WIDTH = Math.PI // radians that a drag across the canvas turns
const STEEPEST = 0.7 // radians that a head is seen from above or below
const STEP = Math.PI / 180 // of an arrow key's degrees

class Head {
  asked = null // visit and number of the face whose head is here or on its way
  mesh = null
  frame = null // one that is to be drawn

  constructor(root, trigger) {
    this.$ = selector => root.querySelector(selector)
    this.trigger = trigger
    this.canvas = this.$("canvas")
    this.sliders = [...root.querySelectorAll("input[type=range]")]
    for (const slider of this.sliders) slider.oninput = () => this.move()
    this.$(".as-photo").onclick = () => this.asInPhoto()
    this.turnByHand()
    this.outliveTheCard()
  }

  // ---- from the server

  get wanted() {
    return `${studio.photo?.visit} ${studio.face?.number}`
  }

  // once the tab is in front
  ask() {
    if (studio.panel !== "head" || !studio.seen || this.asked === this.wanted) return
    this.asked = this.wanted
    this.show(false, "Reading the head …")
    this.trigger("select", {face: studio.face.number})
  }

  async take(found) {
    if (!found || `${found.visit} ${found.face}` !== this.asked) return // another one meanwhile
    try {
      if (found.error) throw new Error(found.error)
      await this.open(found)
    } catch (error) {
      this.show(false, error.message)
    }
  }

  async open(found) {
    const folder = studio.photo.folder + "/"
    const [maps, image] = await Promise.all([
      unpack(folder + found.file, found.index),
      fetchImage(folder + found.texture),
    ])
    if (`${found.visit} ${found.face}` !== this.asked) return
    this.drawing ??= new HeadDrawing(this.canvas)
    this.mesh = new HeadMesh(maps)
    this.found = found
    this.drawing.take(this.mesh, image, found.nearness)
    this.show(true, "")
    this.asInPhoto()
  }

  // what was on the graphics card goes when the browser needs it
  outliveTheCard() {
    this.canvas.addEventListener("webglcontextlost", event => event.preventDefault())
    this.canvas.addEventListener("webglcontextrestored", () => {
      this.drawing = null
      this.asked = null
      this.ask()
    })
  }

  show(open, said) {
    for (const part of [".head-stage", ".sliders", ".pushes"]) this.$(part).hidden = !open
    this.$(".reading").textContent = said
    if (!open) this.mesh = null
  }

  // ---- pose, expression, light

  asInPhoto() {
    this.angles = [...this.found.angles]
    for (const slider of this.sliders) slider.value = this.found.sliders[slider.name]
    this.move()
  }

  move() {
    const weights = this.sliders.map(slider => [slider.name, Number(slider.value)])
    for (const slider of this.sliders) {
      valueOf(slider).textContent = Number(slider.value).toFixed(2)
    }
    this.mesh.move(Object.fromEntries(weights))
    this.drawing.move(this.mesh)
    this.redraw()
  }

  // radians to the right and up
  turn(right, up) {
    if (!this.mesh) return
    const [a, b, c] = this.angles
    this.angles = [Math.min(STEEPEST, Math.max(-STEEPEST, a - up)), b + right, c]
    this.redraw()
  }

  redraw() {
    if (!this.mesh || studio.panel !== "head") return
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null
      if (this.mesh && studio.face) this.drawing.draw(this.angles, studio.face.light)
    })
  }

  // ---- the hand

  turnByHand() {
    const {canvas} = this
    canvas.addEventListener("pointerdown", event => {
      canvas.setPointerCapture(event.pointerId)
      this.last = [event.clientX, event.clientY]
    })
    canvas.addEventListener("pointermove", event => {
      if (!canvas.hasPointerCapture(event.pointerId)) return
      const [x, y] = this.last
      const k = WIDTH / canvas.clientWidth
      this.last = [event.clientX, event.clientY]
      this.turn(k * (event.clientX - x), k * (y - event.clientY))
    })
    canvas.addEventListener("keydown", event => {
      const step = arrowStep(event)
      if (!step) return
      event.preventDefault()
      this.turn(...step.map(degrees => STEP * degrees))
    })
  }
}

export function mount(root, {trigger, props, watch}) {
  const head = new Head(root, trigger)
  watch("value", () => head.take(props.value))
  for (const event of ["panel", "photo", "chosen"]) studio.on(event, () => head.ask())
  studio.on("light", () => head.redraw())
  studio.on("panel", () => head.redraw())
}

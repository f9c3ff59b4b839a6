// Ready lights, each a button with a small ball; the light of a file joins them.
import {SHLight, even} from "./shlight.js"
import {drawBall} from "./ball.js"
import {element} from "./dom.js"
import {FILE, OWN, sources} from "./sources.js"
import {studio} from "./studio.js"

const BALL = 64 // side of a ball, px
// shown at once, in this order
const FIRST = [
  OWN,
  "front",
  "window",
  "rembrandt_left",
  "split_left",
  "split_right",
  "golden_hour",
  "top",
  "campfire",
  "neon",
]

export class Presets {
  presets = new Map() // name → {button, canvas}

  constructor($, names) {
    this.$ = $
    const first = FIRST.filter(name => name === OWN || names.includes(name))
    const rest = names.filter(name => !FIRST.includes(name))
    for (const name of [...first, ...rest]) {
      const light = name === OWN ? even(0.6) : sources.get(name)
      $(".presets").append(this.add(name, titled(name), light))
    }
    $(".more").onclick = event => this.showAll(event.target)
    studio.on("elsewhere", file => this.useFile(file))
    studio.on("chosen", () => drawBall(this.presets.get(OWN).canvas, studio.face.own.coeffs, BALL))
  }

  add(name, title, light) {
    const button = this.presets.get(name)?.button ?? element("button")
    const canvas = element("canvas")
    button.replaceChildren(canvas, title)
    button.classList.toggle("extra", !FIRST.includes(name) && name !== FILE)
    button.onclick = () => use(name)
    drawBall(canvas, light.coeffs, BALL)
    this.presets.set(name, {button, canvas})
    return button
  }

  mark(source) {
    for (const [name, {button}] of this.presets) {
      const pressed = String(source === name)
      if (button.ariaPressed !== pressed) button.ariaPressed = pressed
    }
  }

  showAll(button) {
    const open = this.$(".light-panel").classList.toggle("all")
    button.ariaExpanded = open
    button.textContent = open ? "Fewer lights" : "More lights"
  }

  // the light of another portrait, an environment map or light settings
  useFile({name, light, panorama}) {
    sources.add(FILE, SHLight.of(light), !panorama)
    const own = this.presets.get(OWN).button
    this.$(".presets").prepend(own, this.add(FILE, name, sources.get(FILE)))
    if (studio.seen) use(FILE)
  }
}

function use(name) {
  studio.calm()
  studio.use(name)
  studio.remember()
}

function titled(name) {
  if (name === OWN) return "As in the photo"
  const words = name.replaceAll("_", " ")
  return words[0].toUpperCase() + words.slice(1)
}

// The background: the photo's own, a colour, nothing at all, or a picture, which may light the
// person as well.
import {address} from "./server.js"
import {SHLight} from "./shlight.js"
import {OWN, PLACE, sources} from "./sources.js"
import {studio} from "./studio.js"

class Background {
  constructor(root) {
    this.$ = selector => root.querySelector(selector)
    this.buttons = [...root.querySelectorAll(".grounds button")]
    this.picker = this.$("input[type=color]")
    this.lights = this.$(".lights")
    for (const button of this.buttons) button.onclick = () => this.choose(button.dataset.kind)
    this.picker.oninput = () => studio.setBackground({colour: this.picker.value})
    this.picker.onchange = () => studio.remember()
    this.lights.onclick = () => this.light(studio.chosenLight.source !== PLACE)
  }

  // a picture that is not there yet is asked for
  choose(kind) {
    if (!studio.seen || kind === studio.background.kind) return
    if (kind === "picture" && !studio.place) return this.ask()
    studio.setBackground({kind})
    studio.remember()
  }

  ask() {
    document.querySelector("#place input[type=file]")?.click()
  }

  // a picture of another place has come, or went
  async take(place) {
    if (!place) return
    const image = new Image()
    image.src = address(place.file)
    await image.decode()
    sources.add(PLACE, SHLight.of(place.light))
    studio.place = {name: place.name, image}
    studio.setBackground({kind: "picture"})
    studio.remember()
  }

  light(on) {
    studio.calm()
    studio.use(on ? PLACE : OWN)
    studio.remember()
  }

  show() {
    const {kind, colour} = studio.background
    for (const button of this.buttons) button.ariaPressed = button.dataset.kind === kind
    this.$(".ground").hidden = kind !== "colour"
    this.picker.value = colour
    this.lights.hidden = kind !== "picture"
    this.lights.ariaPressed = studio.seen && studio.chosenLight.source === PLACE
  }
}

export function mount(root, {props, watch}) {
  const background = new Background(root)
  watch("value", () => background.take(props.value))
  for (const event of ["background", "light"]) studio.on(event, () => background.show())
}

// The light of another portrait, an environment map or light settings: its ball beside the photo's
// own, and the map, which can be turned.
import * as sh from "./sh.js"
import {drawBall} from "./ball.js"
import {valueOf} from "./dom.js"
import {address} from "./server.js"
import {FILE} from "./sources.js"
import {studio} from "./studio.js"

const BALL = 96 // side of a ball, px

const wrapped = angle => ((angle + 540) % 360) - 180 // degrees, from -180 to 180

class Elsewhere {
  start = 0 // azimuth of the file's light

  constructor(root) {
    this.$ = selector => root.querySelector(selector)
    this.box = this.$(".elsewhere")
    this.slider = this.$(".turn input")
    this.slider.oninput = () => {
      const azimuth = wrapped(this.start + Number(this.slider.value))
      studio.change({}, {source: FILE, azimuth})
    }
    this.slider.onchange = () => studio.remember()
  }

  // the light of another file, or none
  open(file) {
    this.box.hidden = !file
    if (!file) return
    this.start = sh.angles(file.light.coeffs.flat())[0]
    studio.tell("elsewhere", file)
    this.show(file)
    this.drawOwn()
  }

  show({name, light, panorama}) {
    const {$} = this
    drawBall($(".theirs"), light.coeffs.flat(), BALL)
    $(".pair i").textContent = name
    $(".panorama").hidden = !panorama
    $(".turn").hidden = !panorama
    if (panorama) $(".panorama").style.backgroundImage = `url("${address(panorama)}")`
  }

  drawOwn() {
    if (studio.face) drawBall(this.$(".own"), studio.face.own.coeffs, BALL)
  }

  // however the light was turned, the map turns with it
  turn() {
    const light = studio.chosenLight
    if (light.source !== FILE || this.box.hidden) return
    const turn = Math.round(wrapped(studio.face.aim(light)[0] - this.start))
    const panorama = this.$(".panorama")
    this.slider.value = turn
    valueOf(this.slider).textContent = `${turn}°`
    panorama.style.backgroundPositionX = `${(-turn / 360) * panorama.clientWidth}px`
  }
}

export function mount(root, {props, watch}) {
  const elsewhere = new Elsewhere(root)
  watch("value", () => elsewhere.open(props.value))
  studio.on("chosen", () => elsewhere.drawOwn())
  studio.on("light", () => elsewhere.turn())
}

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

export function mount(root, {props, watch}) {
  const $ = selector => root.querySelector(selector)
  const box = $(".elsewhere")
  const slider = $(".turn input")
  let start = 0 // azimuth of the file's light

  const drawOwn = () => {
    if (studio.face) drawBall($(".own"), studio.face.own, BALL)
  }

  const show = ({name, light, panorama}) => {
    drawBall($(".theirs"), light.flat(), BALL)
    $(".pair i").textContent = name
    $(".panorama").hidden = !panorama
    $(".turn").hidden = !panorama
    if (panorama) $(".panorama").style.backgroundImage = `url("${address(panorama)}")`
    drawOwn()
  }

  watch("value", () => {
    const file = props.value
    box.hidden = !file
    if (!file) return
    start = sh.angles(file.light.flat())[0]
    studio.tell("elsewhere", file)
    show(file)
  })
  studio.on("chosen", drawOwn)

  slider.oninput = () => {
    studio.change({}, {source: FILE, azimuth: wrapped(start + Number(slider.value))})
  }
  slider.onchange = () => studio.remember()

  // however the light was turned, the map turns with it
  studio.on("light", () => {
    const light = studio.chosenLight
    if (light.source !== FILE || box.hidden) return
    const turn = Math.round(wrapped(studio.face.aim(light)[0] - start))
    const panorama = $(".panorama")
    slider.value = turn
    valueOf(slider).textContent = `${turn}°`
    panorama.style.backgroundPositionX = `${(-turn / 360) * panorama.clientWidth}px`
  })
}

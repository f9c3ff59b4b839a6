// The light of another portrait, an environment map or a light.json: its ball beside the photo's own, and the map, which can be turned.
import * as sh from "./sh.js"
import {address, studio} from "./studio.js"
import {drawBall} from "./ball.js"

export function mount(root, {props, watch}) {
  const $ = selector => root.querySelector(selector), box = $(".elsewhere"), slider = $(".turn input")
  let start = 0 // azimuth of the file's light

  watch("value", () => {
    const told = props.value
    box.hidden = !told
    if (!told) return
    const light = told.light.flat()
    start = sh.angles(light)[0]
    studio.tell("elsewhere", told)
    drawBall($(".theirs"), light, 96)
    $(".pair i").textContent = told.name
    for (const o of [$(".panorama"), $(".turn")]) o.hidden = !told.panorama
    if (told.panorama) $(".panorama").style.backgroundImage = `url("${address(told.panorama)}")`
    balls()
  })
  const balls = () => { if (studio.face) drawBall($(".own"), studio.face.own, 96) }
  studio.on("chosen", balls)

  slider.oninput = () => studio.change({}, {source: "file", azimuth: (start + Number(slider.value) + 540) % 360 - 180})
  slider.onchange = () => studio.remember()
  studio.on("light", () => { // however the light was turned, the map turns with it
    const light = studio.look.lights[studio.look.at]
    if (light.source !== "file" || box.hidden) return
    const turn = Math.round((studio.face.aim(light)[0] - start + 540) % 360 - 180)
    slider.value = turn
    $(".turn .value").textContent = `${turn}°`
    $(".panorama").style.backgroundPositionX = `${-turn/360*$(".panorama").clientWidth}px`
  })
}

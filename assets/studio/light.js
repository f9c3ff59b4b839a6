// The light: the ball, presets as small balls, several lights, sliders, and the 27 numbers.
import {Aim} from "./aim.js"
import {seldom} from "./dom.js"
import {Numbers} from "./numbers.js"
import {Presets} from "./presets.js"
import {SeveralLights} from "./several.js"
import {SHLight, lamp} from "./shlight.js"
import {sources} from "./sources.js"
import {studio} from "./studio.js"

const CALM = 66 // ms between pictures of the panel while the light moves

export function mount(root, {props}) {
  const $ = selector => root.querySelector(selector)
  for (const [name, light] of Object.entries(props.presets)) sources.add(name, SHLight.of(light))
  sources.add("lamp", lamp(0, 0, 0.15))

  const presets = new Presets($, Object.keys(props.presets))
  const lights = new SeveralLights($(".lamps"))
  const aim = new Aim(root)
  const numbers = new Numbers($, props.order)
  $("button.behind").onclick = () => act(() => studio.toOtherSide())
  $(".reset").onclick = () => act(() => studio.resetLight())

  studio.on(
    "light",
    whileOpen(() => {
      aim.show()
      presets.mark(studio.chosenLight.source)
    }),
  )
  studio.on(
    "drawn",
    whileOpen(() => {
      aim.draw()
      lights.draw()
      numbers.show()
    }),
  )
}

// what a button does, if there is a photo
function act(does) {
  if (!studio.seen) return
  studio.calm()
  does()
}

// now and then, if there is a photo
function whileOpen(does) {
  return seldom(CALM, () => {
    if (studio.seen) does()
  })
}

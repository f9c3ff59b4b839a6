// Light from a file: of the face on another portrait, or of saved settings.
import {SHLight} from "../studio/shlight.js"

const NO_LIGHT = "holds no light: nine rows of three numbers are wanted."

const rows = coeffs => Array.from({length: 9}, (_, i) => coeffs.slice(3 * i, 3 * i + 3))

async function settings(file) {
  let light = null
  try {
    light = SHLight.parsed(JSON.parse(await file.text()))
  } catch {
    // said below
  }
  if (!light) throw new Error(`${file.name} ${NO_LIGHT}`)
  return {coeffs: rows(light.coeffs), lamps: light.lamps.record, known: light.isKnown}
}

export class LightFiles {
  // `said` and `shown`: the panels for messages and for the light's ball
  constructor(engine, box, said, shown) {
    Object.assign(this, {engine, said, shown})
    const input = box.querySelector("input")
    box.querySelector("button").onclick = () => input.click()
    input.onchange = () => {
      const [file] = input.files
      input.value = ""
      if (file) this.open(file)
    }
  }

  async open(file) {
    this.said.say(`Looking at ${file.name} …`)
    try {
      const isText = file.name.toLowerCase().endsWith(".json")
      const light = await (isText ? settings(file) : this.engine.ask("light", {file}))
      const whose = isText ? "The light of" : "The light on the face in"
      this.said.say(`${whose} ${file.name}.`)
      this.shown.set({name: file.name, light, panorama: null})
    } catch (error) {
      this.said.say(error.message, true)
    }
  }
}

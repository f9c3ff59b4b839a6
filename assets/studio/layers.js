// The list of layers, the uppermost first, and what can be changed on the one that is chosen.
import {element, refill, valueOf} from "./dom.js"
import {studio} from "./studio.js"
import {moveTattoo} from "./tattoo.js"

export class LayerList {
  constructor({$, all}) {
    this.$ = $
    this.sliders = all(".layer-options input[type=range]")
    for (const slider of this.sliders) listen(slider)
    const change = (fields, done) => studio.changeLayer(studio.layer, fields, done)
    $(".tint input").oninput = event => change({colour: event.target.value}, false)
    $(".tint input").onchange = event => change({colour: event.target.value}, true)
    $(".blend select").onchange = event => change({blend: event.target.value}, true)
  }

  draw() {
    const layers = studio.face?.layers ?? []
    if (!layers.some(layer => layer.id === studio.layer)) studio.chooseLayer(layers.at(-1)?.id)
    const rows = layers.map(layer => this.row(layer))
    refill(this.$(".layers"), ...rows.reverse())
    this.drawOptions(studio.chosenLayer)
  }

  row({id, name, visible}) {
    const row = element("div", {className: "layer"})
    row.setAttribute("role", "listitem")
    const eye = element("input", {type: "checkbox", checked: visible, ariaLabel: `Show ${name}`})
    eye.onchange = () => studio.changeLayer(id, {visible: eye.checked})
    const choose = element("button", {className: "name", textContent: name})
    choose.ariaPressed = id === studio.layer
    choose.onclick = () => {
      studio.chooseLayer(id)
      this.draw()
    }
    const remove = element("button", {className: "minor", textContent: "✕"})
    remove.ariaLabel = `Delete ${name}`
    remove.onclick = () => studio.removeLayer(id)
    row.append(eye, choose, remove)
    return row
  }

  drawOptions(layer) {
    const {$} = this
    $(".layer-options").hidden = !layer
    if (!layer) return
    const {kind, colour, blend, opacity, tone, place} = layer
    const blended = !["tone", "heal"].includes(kind)
    const shown = {melanin: tone, haemoglobin: tone, scale: place, angle: place}
    for (const [name, is] of Object.entries({tint: colour, blend: blended, ...shown})) {
      $(`.layer-options .${name}`).hidden = !is
    }
    $(".tint input").value = colour ?? "#000000"
    $(".blend select").value = blend
    const [melanin, haemoglobin] = tone ?? []
    const values = {opacity, melanin, haemoglobin, scale: place?.size, angle: place?.angle}
    for (const slider of this.sliders) {
      slider.value = values[slider.name]
      showValue(slider)
    }
  }
}

// ---- sliders of the chosen layer

function listen(slider) {
  slider.oninput = () => change(slider, false)
  slider.onchange = () => change(slider, true)
}

function change(slider, done) {
  const {id, tone} = studio.chosenLayer
  const value = Number(slider.value)
  showValue(slider)
  if (slider.name === "opacity") studio.changeLayer(id, {opacity: value}, done)
  if (slider.name === "melanin") studio.changeLayer(id, {tone: [value, tone[1]]}, done)
  if (slider.name === "haemoglobin") studio.changeLayer(id, {tone: [tone[0], value]}, done)
  if (slider.name === "scale") moveTattoo(id, {size: value}, done)
  if (slider.name === "angle") moveTattoo(id, {angle: value}, done)
}

function showValue(slider) {
  const {name, value} = slider
  valueOf(slider).textContent = name === "angle" ? `${value}°` : Number(value).toFixed(2)
}

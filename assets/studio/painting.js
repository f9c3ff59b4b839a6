// Paint: ready touches, brush, eraser, colour picker, healing, a decal to place, and the layers they make.
import {refill, studio} from "./studio.js"
import {SIDE, WHOLE, blank, dab, hex, layer, picture, rgb} from "./paint.js"

const SWATCHES = ["#b0243c", "#d9798b", "#7a4a2f", "#2b1d16", "#3f6fb5", "#e8b923", "#f2e6dc"]
const TITLES = {tone: "Skin tone", blemishes: "No blemishes"} // the others are called as they are
const DECAL_SIDE = 512, MOST = 32

const titled = name => TITLES[name] ?? name[0].toUpperCase() + name.slice(1)

export function mount(root) {
  const $ = selector => root.querySelector(selector), all = selector => [...root.querySelectorAll(selector)]
  const tell = what => { $(".told").textContent = what }
  const brush = {tool: "brush", colour: SWATCHES[0], size: .06, soft: .6}
  let stroke = null

  // ---- which tool the pointer is

  function arm() {
    studio.tool = studio.panel === "paint" ? brush.tool : "light"
    if (studio.tool === "light") studio.cursor(null)
    for (const button of all(".tools button")) button.ariaPressed = button.dataset.tool === brush.tool
    studio.canvas.dataset.tool = studio.tool
  }
  studio.on("panel", arm)
  const use = tool => { brush.tool = tool; arm() }
  for (const button of all(".tools button")) button.onclick = () => use(button.dataset.tool)

  const colour = $(".brush input[type=color]")
  const setColour = value => { brush.colour = colour.value = value; for (const o of all(".swatches button")) o.ariaPressed = o.title === value }
  colour.oninput = () => { setColour(colour.value); if (brush.tool !== "brush") use("brush") }
  $(".swatches").append(...SWATCHES.map(value => {
    const button = Object.assign(document.createElement("button"), {type: "button", title: value, ariaLabel: `Colour ${value}`})
    button.style.background = value
    button.onclick = () => { setColour(value); use("brush") }
    return button
  }))
  setColour(brush.colour)
  for (const [name, unit] of [["size", 100], ["soft", 1]]) {
    const slider = $(`.brush input[name=${name}]`), show = () => { slider.parentElement.querySelector(".value").textContent = unit === 100 ? `${slider.value} %` : Number(slider.value).toFixed(2) }
    slider.oninput = () => { brush[name] = slider.value/unit; show() }
    show()
  }

  // ---- strokes

  studio.on("brush", (what, at, event) => {
    const {face} = studio
    if (what === "out") return studio.cursor(null)
    studio.cursor(event, brush.tool === "pick" ? .015 : brush.size)
    if (what === "over" || !face.paint) return what === "down" && tell("The paint is still being made ready.")
    const place = at.map(v => v*SIDE - .5)
    if (what === "down") begin(face, at, place)
    else if (what === "move" && stroke) go(place, at)
    else if (what === "up" && stroke) end()
  })

  function begin(face, at, place) {
    tell("")
    const chosen = studio.chosenLayer, [x, y] = place.map(Math.round)
    if (chosen?.kind === "decal" && brush.tool === "brush") { stroke = {decal: chosen}; return go(place, at) }
    if (brush.tool === "pick") {
      if (x >= 0 && y >= 0 && x < SIDE && y < SIDE) setColour(hex(face.paint.shown.data.subarray(4*(y*SIDE + x), 4*(y*SIDE + x) + 3)))
      return use("brush")
    }
    const kind = {brush: "paint", heal: "heal"}[brush.tool]
    let target = !kind || chosen?.kind === kind && chosen.pixels ? chosen : null
    if (!kind && !target?.pixels) return tell("Choose the layer to erase from.")
    if (!target) {
      if (face.layers.length >= MOST) return tell(`More than ${MOST} layers are too many: delete one.`)
      target = layer({kind, name: kind === "heal" ? "Healed" : `Paint ${face.layers.filter(o => o.kind === "paint").length + 1}`, pixels: blank(), blend: "colour"})
      face.layers = [...face.layers, target]
      studio.layer = target.id
    }
    stroke = {target, from: target.pixels, to: target.pixels.slice(), cover: new Float32Array(SIDE*SIDE), last: place}
    go(place)
  }

  function go(place, at) {
    const {face} = studio
    if (stroke.decal) return moveDecal(stroke.decal.id, {x: at[0], y: at[1]})
    const {target, from, to, cover, last} = stroke, radius = brush.size*SIDE/2
    const tint = brush.tool === "erase" ? null : brush.tool === "heal" ? [255, 255, 255] : rgb(brush.colour)
    const steps = Math.max(1, Math.ceil(Math.hypot(place[0] - last[0], place[1] - last[1])/Math.max(1, radius/3)))
    let box = null
    for (let i = 1; i <= steps; i++) {
      const b = dab(to, from, cover, [0, 1].map(c => last[c] + (place[c] - last[c])*i/steps), radius, brush.soft, tint)
      box = box ? [Math.min(box[0], b[0]), Math.min(box[1], b[1]), Math.max(box[2], b[2]), Math.max(box[3], b[3])] : b
    }
    stroke.last = place
    studio.setLayers(face.layers.map(o => o.id === target.id ? {...o, pixels: to} : o), box, false)
  }

  function end() {
    stroke = null
    studio.tell("layers")
    studio.remember()
  }

  // ---- a picture on the skin

  const file = $(".decal")
  const decalButton = Object.assign(document.createElement("button"), {type: "button", textContent: "Tattoo …", title: "A picture of yours, laid on the skin"})
  decalButton.onclick = () => file.click()
  file.onchange = async () => {
    const [chosen] = file.files, {face} = studio
    file.value = ""
    if (!chosen || !face?.paint) return
    const url = URL.createObjectURL(chosen)
    try {
      const whole = await picture(url), k = Math.min(1, DECAL_SIDE/Math.max(whole.width, whole.height))
      const small = await picture(url, Math.max(1, Math.round(k*whole.width)), Math.max(1, Math.round(k*whole.height)))
      const place = {x: .3, y: .6, size: .22, angle: 0}
      studio.addLayer(layer({kind: "decal", name: "Tattoo", blend: "multiply", picture: small, place, pixels: face.paint.decal(small, place)}))
      use("brush")
      tell("Drag on the face to move the tattoo.")
    } catch { tell(`${chosen.name} is no picture that this browser can open.`) }
    URL.revokeObjectURL(url)
  }
  function moveDecal(id, changed, remember = false) {
    const {face} = studio, o = face.layers.find(l => l.id === id), place = {...o.place, ...changed}
    studio.changeLayer(id, {place, pixels: face.paint.decal(o.picture, place)}, remember)
  }

  // ---- ready touches

  function drawTouches() {
    const {face} = studio, ready = face?.touches ?? {}
    refill($(".touches"), ...Object.entries(ready).map(([name, o]) => {
      const button = Object.assign(document.createElement("button"), {type: "button", textContent: titled(name)})
      const there = face.layers.find(l => l.touch === name)
      button.ariaPressed = Boolean(there)
      button.onclick = () => there ? remove(there.id) : add(name, o)
      return button
    }), decalButton)
  }

  async function add(name, o) {
    if (studio.face.layers.length >= MOST) return tell(`More than ${MOST} layers are too many: delete one.`)
    await studio.addTouch({...o, touch: name, name: titled(name)})
  }

  // ---- layers

  const remove = id => studio.setLayers(studio.face.layers.filter(o => o.id !== id))

  function drawLayers() {
    const layers = studio.face?.layers ?? []
    if (!layers.some(o => o.id === studio.layer)) studio.layer = layers.at(-1)?.id
    refill($(".layers"), ...[...layers].reverse().map(o => {
      const row = document.createElement("div"), eye = document.createElement("input"), name = document.createElement("button"), gone = document.createElement("button")
      row.className = "layer"
      row.setAttribute("role", "listitem")
      Object.assign(eye, {type: "checkbox", checked: o.visible, ariaLabel: `Show ${o.name}`, onchange: () => studio.changeLayer(o.id, {visible: eye.checked})})
      Object.assign(name, {type: "button", className: "name", textContent: o.name, ariaPressed: o.id === studio.layer, onclick: () => { studio.layer = o.id; drawLayers() }})
      Object.assign(gone, {type: "button", className: "minor", textContent: "✕", ariaLabel: `Delete ${o.name}`, onclick: () => remove(o.id)})
      row.append(eye, name, gone)
      return row
    }))
    const o = studio.chosenLayer
    $(".layer-options").hidden = !o
    if (!o) return
    const seen = {tint: o.colour, blend: !["tone", "heal"].includes(o.kind), melanin: o.tone, haemoglobin: o.tone, scale: o.place, angle: o.place}
    for (const [name, is] of Object.entries(seen)) $(`.layer-options .${name}`).hidden = !is
    $(".tint input").value = o.colour ?? "#000000"
    $(".blend select").value = o.blend
    const values = {opacity: o.opacity, melanin: o.tone?.[0], haemoglobin: o.tone?.[1], scale: o.place?.size, angle: o.place?.angle}
    for (const slider of all(".layer-options input[type=range]")) { slider.value = values[slider.name]; written(slider) }
  }
  const written = slider => { slider.parentElement.querySelector(".value").textContent = slider.name === "angle" ? `${slider.value}°` : Number(slider.value).toFixed(2) }

  const change = (fields, done) => studio.changeLayer(studio.layer, fields, done)
  for (const slider of all(".layer-options input[type=range]")) {
    const does = done => {
      const v = Number(slider.value), o = studio.chosenLayer
      written(slider)
      if (slider.name === "opacity") change({opacity: v}, done)
      else if (slider.name === "scale") moveDecal(o.id, {size: v}, done)
      else if (slider.name === "angle") moveDecal(o.id, {angle: v}, done)
      else change({tone: slider.name === "melanin" ? [v, o.tone[1]] : [o.tone[0], v]}, done)
    }
    slider.oninput = () => does(false)
    slider.onchange = () => does(true)
  }
  $(".tint input").oninput = e => change({colour: e.target.value}, false)
  $(".tint input").onchange = e => change({colour: e.target.value}, true)
  $(".blend select").onchange = e => change({blend: e.target.value}, true)

  studio.on("layers", () => { drawTouches(); drawLayers() })
}

// The light: the ball, presets as small balls, several lights, sliders, and the 27 numbers.
import * as sh from "./sh.js"
import {refill, seldom, studio} from "./studio.js"
import {ballDirection, ballPlace, drawBall, mirrored} from "./ball.js"

const FIRST = ["own", "front", "window", "rembrandt_left", "split_left", "split_right", "golden_hour", "top", "campfire", "neon"] // shown at once, in this order
const ORDER = "1, z, x, y, 2z2-x2-y2, xz, yz, x2-y2, xy; columns R, G, B; x right, y up, z to the viewer; the Lambertian factors pi, 2pi/3, pi/4 are in the basis, not in the coefficients"

const CALM = 66 // ms between pictures of the ball while the light moves

const titled = name => name === "own" ? "As in the photo" : (s => s[0].toUpperCase() + s.slice(1))(name.replaceAll("_", " "))

export function mount(root, {props}) {
  const $ = selector => root.querySelector(selector), ball = $(".ball"), text = $("textarea")
  Object.assign(studio.sources, Object.fromEntries(Object.entries(props.presets).map(([name, rows]) => [name, rows.flat()])), {lamp: sh.lamp(0, 0, .15)})
  for (const name of Object.keys(studio.sources)) studio.made.add(name)

  // ---- the ball

  const point = event => {
    const r = ball.getBoundingClientRect(), half = r.width/2
    studio.hold(...ballDirection((event.clientX - r.left)/half - 1, 1 - (event.clientY - r.top)/half))
  }
  ball.addEventListener("pointerdown", event => { if (studio.seen) { studio.calm(); ball.setPointerCapture(event.pointerId); point(event) } })
  ball.addEventListener("pointermove", event => { if (ball.hasPointerCapture(event.pointerId)) point(event) })
  ball.addEventListener("lostpointercapture", () => studio.remember())
  ball.addEventListener("keydown", event => {
    const step = {ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, 5], ArrowDown: [0, -5]}[event.key]
    if (step && studio.seen) { event.preventDefault(); studio.calm(); studio.step(...step) }
  })

  // ---- ready lights

  const presets = new Map()
  function addPreset(name, title, light) { // a button with a small ball
    const button = presets.get(name)?.button ?? document.createElement("button"), canvas = document.createElement("canvas")
    button.type = "button"
    button.replaceChildren(canvas, title)
    button.classList.toggle("extra", !FIRST.includes(name) && name !== "file")
    button.onclick = () => { studio.calm(); studio.use(name); studio.remember() }
    drawBall(canvas, light, 64)
    presets.set(name, {button, canvas})
    return button
  }
  const names = Object.keys(props.presets), sorted = [...FIRST.filter(n => n === "own" || names.includes(n)), ...names.filter(n => !FIRST.includes(n))]
  for (const name of sorted) $(".presets").append(addPreset(name, titled(name), name === "own" ? sh.even(.6) : studio.sources[name]))
  $(".more").onclick = event => {
    const open = $(".light-panel").classList.toggle("all")
    event.target.ariaExpanded = open
    event.target.textContent = open ? "Fewer lights" : "More lights"
  }
  studio.on("elsewhere", ({name, light, panorama}) => { // the light of another portrait, an environment map or a light.json
    studio.sources.file = light.flat()
    if (panorama) studio.made.add("file")
    else studio.made.delete("file") // the light of a face was fitted
    $(".presets").prepend(presets.get("own").button, addPreset("file", name, studio.sources.file))
    if (!studio.seen) return
    studio.calm()
    studio.use("file")
    studio.remember()
  })
  studio.on("chosen", () => drawBall(presets.get("own").canvas, studio.face.own, 64))

  // ---- several lights

  let shownLamps = "" // how many lights there are, and which one is chosen
  function drawLamps() {
    const {lights, at} = studio.look, now = `${at} of ${lights.length}`
    if (now !== shownLamps) refill($(".lamps"), ...lampButtons(lights, at))
    shownLamps = now
    root.querySelectorAll(".chip canvas").forEach((canvas, i) => drawBall(canvas, studio.face.one(lights[i]), 32))
  }

  function lampButtons(lights, at) {
    const button = (fields, does) => Object.assign(document.createElement("button"), {type: "button", className: "minor", onclick: does, title: fields.ariaLabel, ...fields})
    const add = button({textContent: "+ light", ariaLabel: "Add a light"}, () => { studio.calm(); studio.addLight() })
    if (lights.length === 1) return [add]
    const chips = lights.map((_, i) => {
      const chip = button({className: "chip", ariaPressed: i === at, ariaLabel: `Light ${i + 1}`}, () => studio.chooseLight(i))
      chip.append(document.createElement("canvas"))
      return chip
    })
    return [...chips, add, button({textContent: "− light", ariaLabel: "Take this light away"}, () => studio.dropLight(at))]
  }

  // ---- sliders

  const sliders = [...root.querySelectorAll("input[type=range]")]
  const ofScene = name => name === "ambient" || name === "residual"
  for (const slider of sliders) {
    slider.oninput = () => {
      if (!studio.seen) return
      studio.calm()
      const what = {[slider.name]: Number(slider.value)}
      ofScene(slider.name) ? studio.change(what) : studio.change({}, what)
    }
    slider.onchange = () => studio.remember()
  }

  const side = (v, less, more) => `${Math.abs(v).toFixed(0)}° ${v < 0 ? less : more}`
  const set = (o, key, value) => { if (o[key] !== value) o[key] = value } // what stays as it is needs no new layout
  studio.on("light", seldom(CALM, () => {
    if (!studio.seen) return
    const {face, look} = studio, light = look.lights[look.at], [azimuth, elevation] = face.aim(light)
    const {behind} = studio
    const says = `${side(azimuth, "left", "right")}, ${side(elevation, "below", "above")}`
    const [x, y] = ballPlace(behind ? mirrored(azimuth) : azimuth, elevation)
    set($(".from b"), "textContent", says)
    Object.assign(ball, {ariaValueNow: Math.round(azimuth), ariaValueText: says})
    Object.assign($(".spot").style, {left: `${50 + 50*x}%`, top: `${50 - 50*y}%`})
    set($(".behind"), "ariaPressed", String(behind))
    $(".spot").classList.toggle("behind", Math.abs(azimuth) > 90)
    const values = {...look, ...light, azimuth, elevation}
    for (const slider of sliders) {
      const v = values[slider.name], digits = /azimuth|elevation/.test(slider.name) ? `${Math.round(v)}°` : v.toFixed(2)
      set(slider, "value", String(slider.step === "1" ? Math.round(v) : v))
      set(slider.parentElement.querySelector(".value"), "textContent", digits)
    }
    for (const [name, {button}] of presets) set(button, "ariaPressed", String(light.source === name))
  }))
  studio.on("drawn", seldom(CALM, () => {
    if (!studio.seen) return
    drawBall(ball.querySelector("canvas"), studio.face.light)
    drawLamps()
    if ($(".numbers").open && document.activeElement !== text) text.value = written()
  }))
  $(".behind").onclick = () => { if (studio.seen) { studio.calm(); studio.toOtherSide() } }
  $(".reset").onclick = () => { if (studio.seen) { studio.calm(); studio.resetLight() } }

  // ---- in numbers

  const written = () => {
    const rows = Array.from({length: 9}, (_, i) => "[" + studio.face.light.slice(3*i, 3*i + 3).map(v => Number(v.toPrecision(7))).join(", ") + "]")
    return `{"format": "illures light", "version": 1,\n "order": "${ORDER}", "coeffs": [\n  ${rows.join(",\n  ")}]}`
  }
  const tell = what => { $(".told").textContent = what }
  $(".numbers").ontoggle = () => { if (studio.seen) text.value = written() }
  $(".copy").onclick = async () => {
    text.select()
    try { await navigator.clipboard.writeText(text.value) } catch { document.execCommand("copy") } // pages without TLS have no clipboard
    tell("Copied.")
  }
  $(".apply").onclick = () => {
    let rows
    try { const x = JSON.parse(text.value); rows = (x.coeffs ?? x).flat().map(Number) } catch { rows = [] }
    if (rows.length !== 27 || !rows.every(Number.isFinite)) return tell("That is not a light: nine rows of three numbers, or the text of saved light settings.")
    tell("")
    studio.calm()
    studio.useNumbers(rows)
  }
}

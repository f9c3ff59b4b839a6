// Several lights that add up: a small ball for each, and buttons to add one and to take one away.
import {drawBall} from "./ball.js"
import {element, refill} from "./dom.js"
import {studio} from "./studio.js"

const BALL = 32 // side of a ball, px

export class SeveralLights {
  shown = "" // how many lights there are, and which one is chosen

  constructor(box) {
    this.box = box
  }

  draw() {
    const {lights, at} = studio.look
    const now = `${at} of ${lights.length}`
    if (now !== this.shown) refill(this.box, ...buttons(lights, at))
    this.shown = now
    this.box.querySelectorAll(".chip canvas").forEach((canvas, i) => {
      drawBall(canvas, studio.face.one(lights[i]).coeffs, BALL)
    })
  }
}

function buttons(lights, at) {
  const add = button({textContent: "+ light", ariaLabel: "Add a light"}, () => {
    studio.calm()
    studio.addLight()
  })
  if (lights.length === 1) return [add]
  const drop = {textContent: "− light", ariaLabel: "Take this light away"}
  const chips = lights.map((_, i) => chip(i, i === at))
  return [...chips, add, button(drop, () => studio.dropLight(at))]
}

function chip(i, chosen) {
  const fields = {className: "chip", ariaPressed: chosen, ariaLabel: `Light ${i + 1}`}
  const made = button(fields, () => studio.chooseLight(i))
  made.append(element("canvas"))
  return made
}

function button(fields, onclick) {
  return element("button", {className: "minor", title: fields.ariaLabel, onclick, ...fields})
}

// Where the light comes from, and how it is: the ball that is turned by hand, and the sliders.
import {ballDirection, ballPlace, drawBall, mirrored} from "./ball.js"
import {arrowStep, valueOf} from "./dom.js"
import {studio} from "./studio.js"

const OF_LOOK = ["ambient", "contrast", "effect"] // sliders that are not of one light

export class Aim {
  constructor(root) {
    this.$ = selector => root.querySelector(selector)
    this.ball = this.$(".ball")
    this.spot = this.$(".spot") // where the light shines from, on the ball
    this.behind = this.$("button.behind")
    this.sliders = [...root.querySelectorAll("input[type=range]")]
    this.choices = [...root.querySelectorAll(".sliders select")]
    turnByHand(this.ball)
    for (const slider of this.sliders) listen(slider)
    for (const choice of this.choices) listenToChoice(choice)
  }

  // what stands on the panel for the light that is chosen
  show() {
    const {face, look, chosenLight, behind} = studio
    const [azimuth, elevation] = face.aim(chosenLight)
    this.showDirection(azimuth, elevation, behind)
    const values = {...look, ...chosenLight, azimuth, elevation}
    for (const slider of this.sliders) showValue(slider, values[slider.name])
    for (const choice of this.choices) set(choice, "value", look[choice.name])
  }

  showDirection(azimuth, elevation, behind) {
    const {$, ball, spot} = this
    const says = `${side(azimuth, "left", "right")}, ${side(elevation, "below", "above")}`
    const [x, y] = ballPlace(behind ? mirrored(azimuth) : azimuth, elevation)
    set($(".from b"), "textContent", says)
    ball.ariaValueNow = Math.round(azimuth)
    ball.ariaValueText = says
    spot.style.left = `${50 + 50 * x}%`
    spot.style.top = `${50 - 50 * y}%`
    spot.classList.toggle("behind", Math.abs(azimuth) > 90)
    set(this.behind, "ariaPressed", String(behind))
  }

  draw() {
    drawBall(this.ball.querySelector("canvas"), studio.face.light)
  }
}

const side = (v, less, more) => `${Math.abs(v).toFixed(0)}° ${v < 0 ? less : more}`

// what stays as it is needs no new layout
function set(element, key, value) {
  if (element[key] !== value) element[key] = value
}

// ---- the ball

function turnByHand(ball) {
  const point = event => {
    const {left, top, width} = ball.getBoundingClientRect()
    const x = (event.clientX - left) / (width / 2) - 1
    const y = 1 - (event.clientY - top) / (width / 2)
    studio.hold(...ballDirection(x, y))
  }
  ball.addEventListener("pointerdown", event => {
    if (!studio.seen) return
    studio.calm()
    ball.setPointerCapture(event.pointerId)
    point(event)
  })
  ball.addEventListener("pointermove", event => {
    if (ball.hasPointerCapture(event.pointerId)) point(event)
  })
  ball.addEventListener("lostpointercapture", () => studio.remember())
  ball.addEventListener("keydown", event => {
    const step = arrowStep(event)
    if (!step || !studio.seen) return
    event.preventDefault()
    studio.calm()
    studio.step(...step)
  })
}

// ---- sliders

function listen(slider) {
  slider.oninput = () => {
    if (!studio.seen) return
    studio.calm()
    const what = {[slider.name]: Number(slider.value)}
    if (OF_LOOK.includes(slider.name)) studio.change(what)
    else studio.change({}, what)
  }
  slider.onchange = () => studio.remember()
}

// what becomes of shine, and of shadows
function listenToChoice(choice) {
  choice.onchange = () => {
    if (!studio.seen) return
    studio.calm()
    studio.change({[choice.name]: choice.value})
    studio.remember()
  }
}

function showValue(slider, value) {
  const isAngle = /azimuth|elevation/.test(slider.name)
  set(slider, "value", String(slider.step === "1" ? Math.round(value) : value))
  set(valueOf(slider), "textContent", isAngle ? `${Math.round(value)}°` : value.toFixed(2))
}

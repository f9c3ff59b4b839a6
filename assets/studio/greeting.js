// The light goes round once when a photo is opened, so that one sees what this is.
import {studio} from "./studio.js"

const ROUND = 2600 // ms
const WIDE = 75 // degrees to both sides
const HIGH = 20

const still = matchMedia("(prefers-reduced-motion: reduce)")

export class Greeting {
  going = null // the round that is on its way, an object of its own

  constructor({hint}) {
    this.hint = hint
    studio.on("calm", () => {
      this.going = null
    })
  }

  start() {
    this.hint.hidden = false
    if (still.matches) return
    const start = performance.now()
    const mine = {}
    const {face} = studio
    this.going = mine
    const step = now => {
      if (this.going !== mine || studio.face !== face || !studio.seen) return
      const t = (now - start) / ROUND
      if (t >= 1) {
        this.going = null
        face.aimFirst(null, null)
      } else {
        face.aimFirst(-WIDE * Math.sin(2 * Math.PI * t), HIGH * Math.sin(Math.PI * t))
      }
      studio.tell("light")
      studio.redraw(true)
      if (this.going) requestAnimationFrame(step)
    }
    requestAnimationFrame(step)
  }
}

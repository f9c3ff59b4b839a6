// Small things that several parts of the page do with its elements.

// a new element with some properties; a button is never one that sends a form
export function element(tag, fields = {}) {
  const made = document.createElement(tag)
  if (tag === "button") made.type = "button"
  return Object.assign(made, fields)
}

// new content; who was on the third control by keyboard is there again
export function refill(box, ...children) {
  const all = () => [...box.querySelectorAll("button, input, select")]
  const at = all().indexOf(document.activeElement)
  box.replaceChildren(...children)
  if (at >= 0) all()[Math.min(at, all().length - 1)]?.focus()
}

// at most every `wait` ms: at once after a pause, and at the end for how things are by then
export function seldom(wait, does) {
  let last = -wait
  let later = null
  const now = () => {
    last = performance.now()
    does()
  }
  return () => {
    clearTimeout(later)
    const left = last + wait - performance.now()
    if (left > 0) later = setTimeout(now, left)
    else now()
  }
}

const STEP = 5 // degrees that an arrow key moves a light
const ARROWS = {
  ArrowLeft: [-STEP, 0],
  ArrowRight: [STEP, 0],
  ArrowUp: [0, STEP],
  ArrowDown: [0, -STEP],
}

// an arrow key → degrees to the right and up; undefined for other keys
export const arrowStep = event => ARROWS[event.key]

// the number beside a slider
export const valueOf = slider => slider.parentElement.querySelector(".value")

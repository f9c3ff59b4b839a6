// PNG or JPEG: as the photo came, until the visitor chooses; the choice is remembered in this
// browser. What is transparent can only be a PNG.
import {studio} from "./studio.js"

const KEY = "illures.kind"

// a page inside another one may have no memory
function remembered() {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function remember(kind) {
  try {
    localStorage.setItem(KEY, kind)
  } catch {
    // until the page is closed
  }
}

const transparent = () => studio.background.kind === "transparent"

export function mount(root) {
  const choices = [...root.querySelectorAll("input")]
  let chosen = remembered()

  const show = () => {
    const kind = transparent() ? "png" : (chosen ?? studio.photo?.kind ?? "png")
    studio.saveAs(kind)
    for (const choice of choices) {
      choice.checked = choice.value === kind
      choice.disabled = choice.value === "jpg" && transparent()
    }
  }

  const choose = event => {
    chosen = event.target.value
    remember(chosen)
    show()
  }

  for (const choice of choices) choice.onchange = choose
  studio.on("photo", show)
  studio.on("background", show)
  show()
}
